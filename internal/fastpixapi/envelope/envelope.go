package envelope

import (
	"bytes"
	"encoding/json"
	"errors"
)

// Envelope is what the API wraps each answer in. The field names match exactly or in another case, as encoding/json does it.
type Envelope struct {
	Success    *bool           `json:"success"`
	Data       json.RawMessage `json:"data"`
	Pagination *Pagination     `json:"pagination"`
	Error      json.RawMessage `json:"error"`
}

// Pagination says which page of how many an answer is. Numbers that are missing or have another type are 0.
type Pagination struct {
	TotalRecords  Count `json:"totalRecords"`
	CurrentOffset Count `json:"currentOffset"`
	OffsetCount   Count `json:"offsetCount"`
}

// Count is a number that the API claims. Whatever is not a small natural number is 0.
type Count int

// maxCount bounds the counts that the API may claim.
const maxCount = 1 << 40

// UnmarshalJSON implements json.Unmarshaler.
func (c *Count) UnmarshalJSON(text []byte) error {
	var n float64
	if json.Unmarshal(text, &n) == nil && n >= 0 && n <= maxCount {
		*c = Count(n)
	}
	return nil
}

var (
	errEnvelope = errors.New("the answer is not in the API's envelope")
	errRows     = errors.New("the answer holds no list")
	errRow      = errors.New("the answer holds no object")
	errPage     = errors.New("the answer is another page than the one that was asked for")
)

// Read reads the envelope of a success. The error says what is wrong and never quotes the answer.
func Read(body []byte) (*Envelope, error) {
	var e Envelope
	if err := json.Unmarshal(body, &e); err != nil || e.Success == nil || !*e.Success || e.Data == nil {
		return nil, errEnvelope
	}
	return &e, nil
}

// IsError reports whether a body is the API's own error.
func IsError(body []byte) bool {
	var e Envelope
	return json.Unmarshal(body, &e) == nil && e.Success != nil && !*e.Success && isObject(e.Error)
}

func isObject(raw json.RawMessage) bool { return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) }

// Rows returns the rows of the page that was asked for, and the number of rows that are no objects, which it leaves out.
func (e *Envelope) Rows(page int) (rows []json.RawMessage, unreadable int, err error) {
	var all []json.RawMessage
	if err := json.Unmarshal(e.Data, &all); err != nil || all == nil || e.Pagination == nil {
		return nil, 0, errRows
	}
	if at := int(e.Pagination.CurrentOffset); at != 0 && at != page && len(all) > 0 {
		return nil, 0, errPage
	}
	for _, row := range all {
		if isObject(row) {
			rows = append(rows, row)
		}
	}
	return rows, len(all) - len(rows), nil
}

// Object returns a single object.
func (e *Envelope) Object() (json.RawMessage, error) {
	if !isObject(e.Data) {
		return nil, errRow
	}
	return e.Data, nil
}
