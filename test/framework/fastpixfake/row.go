package fastpixfake

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Row is a media or a live stream, as the API writes it: the names of fields and their JSON values.
type Row map[string]any

// timeFormat is how the API writes times: with microseconds.
const timeFormat = "2006-01-02T15:04:05.000000Z07:00"

// Time returns a time as the API writes it.
func Time(t time.Time) string { return t.UTC().Format(timeFormat) }

// NewMedia returns a media that is ready: a public one of ten seconds with a video and an audio track.
func NewMedia(id string, created time.Time) Row {
	playback := uuidOf(id, "playback")
	return Row{
		"id": id, "status": "Ready", "title": "media " + id, "creatorId": "", "metadata": Row{},
		"thumbnail":    "https://images.fastpix.com/" + playback + "/thumbnail.png",
		"mediaQuality": "standard", "maxResolution": "1080p", "sourceResolution": "1080", "sourceAccess": false,
		"playbackIds": []any{Row{"id": playback, "accessPolicy": "public", "accessRestrictions": Row{"domains": allowAll(), "userAgents": allowAll()}}},
		"tracks": []any{
			Row{"id": uuidOf(id, "video"), "type": "video", "width": 1920, "height": 1080, "frameRate": "24.000", "status": "available"},
			Row{"id": uuidOf(id, "audio"), "type": "audio", "status": "available", "languageCode": "und", "languageName": "default"},
		},
		"generatedSubtitles": []any{}, "isAudioOnly": false, "subtitleAvailable": false,
		"duration": "00:00:10", "aspectRatio": "16:9", "createdAt": Time(created), "updatedAt": Time(created.Add(10 * time.Second)),
	}
}

func allowAll() Row { return Row{"defaultPolicy": "allow", "allow": []any{}, "deny": []any{}} }

// NewStream returns a live stream that is idle, with the secrets that the API gives in every reply.
func NewStream(id string, created time.Time) Row {
	return Row{
		"streamId": id, "streamKey": secretOf(id, "key"), "srtSecret": secretOf(id, "srt"), "trial": false, "status": "idle",
		"maxResolution": "1080p", "maxDuration": 28800, "createdAt": Time(created), "reconnectWindow": 60,
		"enableRecording": true, "enableDvrMode": false, "mediaPolicy": "public", "metadata": Row{"livestream_name": "stream " + id},
		"lowLatency": false, "closedCaptions": false,
		"playbackIds": []any{Row{"id": uuidOf(id, "playback"), "accessPolicy": "public"}},
		"simulcastResponses": []any{Row{
			"simulcastId": hexOf(id, "simulcast"), "url": "rtmp://live.example/app/" + hexOf(id, "url"), "streamKey": "live_" + hexOf(id, "target"),
			"isEnabled": true, "metadata": Row{"livestream_name": "target"},
		}},
		"srtPlaybackResponse": Row{"srtPlaybackStreamId": "play" + id, "srtPlaybackSecret": secretOf(id, "play")},
	}
}

// Secrets returns the secrets of a stream that NewStream made. None of them may appear in an object, a log or a metric.
func Secrets(id string) []string {
	return []string{secretOf(id, "key"), secretOf(id, "srt"), secretOf(id, "play"), hexOf(id, "url"), "live_" + hexOf(id, "target")}
}

// secretOf returns a text with the form of a stream key: 32 hexadecimal digits, a k, and the id of the stream.
func secretOf(id, part string) string { return hexOf(id, part) + "k" + id }

func hexOf(id, part string) string {
	sum := sha256.Sum256([]byte(id + "/" + part))
	return hex.EncodeToString(sum[:16])
}

// uuidOf returns a UUID that follows from an id.
func uuidOf(id, part string) string {
	h := hexOf(id, part)
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// MediaID returns the id of the i-th media of a test.
func MediaID(i int) string { return uuidOf(time.Duration(i).String(), "media") }

// StreamID returns the id of the i-th live stream of a test.
func StreamID(i int) string { return hexOf(time.Duration(i).String(), "stream") }
