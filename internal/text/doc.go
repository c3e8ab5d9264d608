// Package text decides which text from outside may be stored. Receivers check the texts that FastPix sends, and controllers check the texts of records,
// so that a forged record passes no more than a forged body. The package is pure and imports only the standard library. Start reading at Safe.
package text
