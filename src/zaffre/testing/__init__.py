"""Contract-test kits for every port, and fakes; public, so that a new backend can prove itself."""
