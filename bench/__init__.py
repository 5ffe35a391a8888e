"""How fast the formula is, measured on throwaway hosts; see bin/bench."""
