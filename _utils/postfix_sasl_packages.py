"""Debian packages that should be installed."""


class Packages:
    """Packages by name: a thing with changes and apply.

    names
        Package names.
    salt
        Salt's execution functions, ``__salt__``.
    before_installing
        Called before anything is installed.
    """

    def __init__(self, names, salt, before_installing):
        self.names, self.salt, self.before_installing = names, salt, before_installing

    def changes(self):
        """Return the packages that are missing."""
        installed = self.salt["pkg.list_pkgs"]()
        return {
            f"package {name}": {"old": None, "new": "installed"}
            for name in self.names
            if name not in installed
        }

    def apply(self):
        """Install what is missing; raise RuntimeError with what apt said where that fails."""
        self.before_installing()
        installed = self.salt["pkg.list_pkgs"]()
        missing = [name for name in self.names if name not in installed]
        error = self._install(missing, refresh=False)
        if error:
            # Package lists may be missing or out of date; only then is it worth fetching them.
            error = self._install(missing, refresh=True)
        if error:
            raise RuntimeError(f"packages {', '.join(missing)} could not be installed: {error}")

    def _install(self, names, refresh):
        try:
            self.salt["pkg.install"](pkgs=names, refresh=refresh)
        except Exception as failed:  # pkg.install raises what the package manager made of it
            return _last_lines(str(failed))
        installed = self.salt["pkg.list_pkgs"]()
        missing = [name for name in names if name not in installed]
        return f"{', '.join(missing)} still missing" if missing else ""


def _last_lines(text, count=5):
    return " | ".join(line for line in text.strip().splitlines()[-count:] if line)
