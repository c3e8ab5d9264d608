package event

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// millisFrom is the number from which an epoch time counts milliseconds: as seconds it is the year 5138, as milliseconds 1973.
const millisFrom = 100_000_000_000

// moment reads a time and cuts it to the microseconds that a mirror keeps. It accepts RFC 3339 with any number of fractional digits
// (FastPix sends 0, 3, 6 and 9), or seconds or milliseconds since 1970 as a number or its text. A time outside the years 1970 to 9999 is
// skipped.
func (r *reader) moment(field string, v value) *metav1.MicroTime {
	if v == nil {
		return nil
	}
	s := string(v)
	if v.is('"') {
		if s = v.unquote(); s == "" {
			return nil
		}
	}
	t, err := time.Parse(time.RFC3339, strings.ToUpper(s)) // T and Z may be lower case: section 5.6 of RFC 3339
	if err != nil {
		t = epoch(s)
	}
	t = t.UTC()
	if year := t.Year(); year < 1970 || year > 9999 {
		r.skip(field)
		return nil
	}
	return &metav1.MicroTime{Time: t.Truncate(time.Microsecond)}
}

// epoch reads a positive number of seconds or milliseconds since 1970; the zero time if there is none.
func epoch(s string) time.Time {
	whole, nanos, ok := decimal(s)
	switch {
	case !ok || whole == 0:
		return time.Time{}
	case whole >= millisFrom:
		return time.UnixMilli(whole).Add(time.Duration(nanos / 1000))
	}
	return time.Unix(whole, nanos)
}

// span reads a duration and cuts it to microseconds: "HH:MM:SS" with or without a fraction and with any number of hours, or seconds as a
// number or its text. A negative or absurd duration is skipped.
func (r *reader) span(field string, v value) *metav1.Duration {
	if v == nil {
		return nil
	}
	s := string(v)
	if v.is('"') {
		if s = v.unquote(); s == "" {
			return nil
		}
	}
	d, ok := clock(s)
	if !ok {
		r.skip(field)
		return nil
	}
	return &metav1.Duration{Duration: d.Truncate(time.Microsecond)}
}

func clock(s string) (time.Duration, bool) {
	var minutes int64
	seconds := s
	if hh, rest, ok := strings.Cut(s, ":"); ok {
		mm, ss, ok := strings.Cut(rest, ":")
		h, noHours := strconv.ParseUint(hh, 10, 16)
		m, noMinutes := strconv.ParseUint(mm, 10, 8)
		if !ok || noHours != nil || noMinutes != nil || m > 59 {
			return 0, false
		}
		minutes, seconds = int64(h*60+m), ss
	}
	whole, nanos, ok := decimal(seconds)
	if !ok || whole > int64(maxSpan/time.Second) || seconds != s && whole > 59 {
		return 0, false
	}
	d := time.Duration(minutes)*time.Minute + time.Duration(whole)*time.Second + time.Duration(nanos)
	return d, d <= maxSpan
}

// decimal reads a non-negative number with up to nine digits behind the point. It reads the digits themselves, because a binary fraction
// would change the last ones.
func decimal(s string) (whole, nanos int64, ok bool) {
	if strings.ContainsAny(s, "eE") {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, 0, false
		}
		s = strconv.FormatFloat(f, 'f', -1, 64)
	}
	digits, fraction, point := strings.Cut(s, ".")
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || strings.Trim(fraction, "0123456789") != "" || point && fraction == "" {
		return 0, 0, false
	}
	fraction = (fraction + "000000000")[:9]
	part, err := strconv.ParseUint(fraction, 10, 32)
	return int64(n), int64(part), err == nil
}

// count reads a whole number from 1 to limit; 0 means no change. FastPix writes 0 or -1 for a picture without width.
func (r *reader) count(field string, v value, limit int64) int64 {
	if v == nil {
		return 0
	}
	s := string(v)
	if v.is('"') {
		s = v.unquote()
	}
	if s == "" || s == "0" || s == "-1" {
		return 0
	}
	n, part, ok := decimal(s)
	if !ok || part != 0 || n > limit {
		r.skip(field)
		return 0
	}
	return n
}

// resolution reads 1080p, which is also written "1080" or 1080.
func (r *reader) resolution(field string, v value, full bool) *string {
	s := r.figureOf(field, v, maxWord-1, full)
	if s != nil && *s != "" && strings.Trim(*s, "0123456789") == "" {
		*s += "p"
	}
	return s
}

// frameRate reads 30/1, 60.000 or a number. The platform writes -1 if it does not know the rate.
func (r *reader) frameRate(field string, v value, full bool) *string {
	s := r.figureOf(field, v, maxWord, full)
	if s != nil && strings.HasPrefix(*s, "-") {
		return nil
	}
	return s
}

// score reads a decimal number and returns it as a text without an exponent.
func (r *reader) score(field string, v value) string {
	if v == nil {
		return ""
	}
	s := string(v)
	if v.is('"') {
		s = v.unquote()
	}
	whole, nanos, ok := decimal(s)
	if !ok {
		r.skip(field)
		return ""
	}
	if nanos == 0 {
		return strconv.FormatInt(whole, 10)
	}
	fraction := strconv.FormatInt(1_000_000_000+nanos, 10)[1:]
	return strconv.FormatInt(whole, 10) + "." + strings.TrimRight(fraction, "0")
}
