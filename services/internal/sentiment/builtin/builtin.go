// Package builtin scores texts and tells their language with models that are part of the program.
//
// It needs no network and no file. What a text costs is linear in its length up to 4,096 bytes and bounded beyond, and a
// Reader allocates nothing in the steady state: see Weights.NewReader. The models are logistic regressions over hashed
// words, pairs, triples and runs of letters, for English with a small network over three words in a row beside them;
// command train makes them, and weights/MODEL_CARD.md says of what.
package builtin
