bench-floor-nothing:
  test.nop: []
