package manager

// Assemble is for tests that call the reconciler themselves, with a clock of their own.
var Assemble = assemble
