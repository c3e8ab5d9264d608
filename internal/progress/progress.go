// Package progress is the sentence by which the syncer says how far the first run of an endpoint is, in the message of the condition Synced. The syncer writes
// it, and kubectl fastpix reads it to draw a bar. A change of the sentence changes both. The package is pure and imports only the standard library.
package progress

import (
	"fmt"
	"regexp"
	"strconv"
)

// The lists that a run reads.
const (
	Media       = "media"
	LiveStreams = "live streams"
)

// Progress says how far a first run is.
type Progress struct {
	// Page is the page that was read last, and Pages how many there are.
	Page, Pages int
	// Of is what the pages list: Media or LiveStreams.
	Of string
	// Created counts the mirrors that the run has created.
	Created int64
}

// String returns the sentence.
func (p Progress) String() string {
	return fmt.Sprintf("The first comparison with FastPix has read page %d of %d of the %s, and created %d mirrors.", p.Page, p.Pages, p.Of, p.Created)
}

var sentence = regexp.MustCompile(`has read page (\d{1,9}) of (\d{1,9}) of the (` + Media + `|` + LiveStreams + `), and created (\d{1,9}) mirrors`)

// Parse returns what a sentence says, and whether it is one.
func Parse(message string) (Progress, bool) {
	found := sentence.FindStringSubmatch(message)
	if found == nil {
		return Progress{}, false
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(found[i]) // it consists of digits, and is not too large
		return n
	}
	return Progress{Page: number(1), Pages: number(2), Of: found[3], Created: int64(number(4))}, true
}
