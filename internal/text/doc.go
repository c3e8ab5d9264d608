// Package text decides which text of others may be kept. Receivers use it on what FastPix sends, and controllers on what records say, so
// that a forged record gets no further than a forged body. It is pure and imports the standard library only; begin with Safe.
package text
