package event

import "time"

// Limits of texts in characters and of lists in elements, as in the schemas of MediaAsset and LiveStream; a test compares them. Longer
// values are cut.
const (
	maxTitle         = 512
	maxMetadataKeys  = 32
	maxMetadataKey   = 128
	maxMetadataValue = 512
	maxState         = 64
	maxWord          = 32 // resolutions, ratios, rates, policies, qualities
	maxMP4Support    = 128
	maxThumbnail     = 512
	maxElements      = 64 // of every list whose elements have ids
	maxLanguageCode  = 64
	maxLanguageName  = 128
	maxRules         = 16 // entries of one allow or deny list
	maxRule          = 128
	maxSummary       = 2048
	maxFindings      = 32 // chapters, named entities, moderation scores
	maxFindingTitle  = 128
	maxCategory      = 64
)

const (
	// maxSpan is longer than every media and broadcast. A longer duration is a mistake.
	maxSpan = 10_000 * time.Hour
	// maxPixels is wider than every picture.
	maxPixels = 1 << 20
	// maxCount bounds how often a name was found.
	maxCount = 1 << 31
)
