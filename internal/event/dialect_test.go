// These tests protect the reading of single fields: in every spelling and type that FastPix has used, and in wrong ones.
package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

const (
	mediaA  = "d003b383-bac0-42e9-a039-9bd4360f98a3"
	uploadB = "c47dcf85-e842-492b-ba01-ce75e2583cfa"
	streamD = "6f7553ebbe31a61ea53cda1f69032eb7"
)

// changesOf returns the changes of an event as JSON, without the kinds and ids that are the same in every case.
func changesOf(t *testing.T, body string) (string, []string) {
	t.Helper()
	e, err := Decode([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	b, err := json.Marshal(e.Changes)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), e.Skipped
}

func mediaEvent(typ, data string) string {
	return `{"type":"` + typ + `","object":{"type":"media","id":"` + mediaA + `"},"id":"e1","data":` + data + `}`
}

func liveEvent(typ, data string) string {
	return `{"type":"` + typ + `","object":{"type":"live","id":"` + streamD + `"},"id":"e1","data":` + data + `}`
}

func TestMediaFields(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data, want  string // want is the media's fields beside the state
		wantSkipped string
	}{
		"nothing":                      {data: `{}`},
		"nulls":                        {data: `{"title":null,"playbackIds":null,"metadata":null,"duration":null,"summary":null,"sourceAccess":null,"mp4Support":null}`},
		"empty lists":                  {data: `{"playbackIds":[],"tracks":[],"mp4Support":[]}`},
		"data is a list of one":        {data: `[{"title":"a"}]`, want: `"title":"a"`},
		"data is a text":               {data: `"x"`, wantSkipped: "data"},
		"data is a list of many":       {data: `[{"title":"a"},{"title":"b"}]`, wantSkipped: "data"},
		"data is an empty list":        {data: `[]`, wantSkipped: "data"},
		"data is a number":             {data: `7`, wantSkipped: "data"},
		"an empty title clears":        {data: `{"title":"","creatorId":""}`, want: `"title":"","creatorID":""`},
		"a title that is a number":     {data: `{"title":7,"creatorId":"c"}`, want: `"creatorID":"c"`, wantSkipped: "title"},
		"words that are numbers":       {data: `{"mediaQuality":1,"aspectRatio":1.5,"mp4Support":2,"summary":3}`, wantSkipped: "aspectRatio mediaQuality mp4Support summary"},
		"a title of a wrong type":      {data: `{"title":{"a":"b"},"duration":5}`, want: `"duration":"5s"`, wantSkipped: "title"},
		"a title that comes twice":     {data: `{"title":"a","title":"b"}`, want: `"title":"b"`},
		"null does not hide a title":   {data: `{"title":"a","title":null}`, want: `"title":"a"`},
		"an escaped field name":        {data: `{"\u0074itle":"a"}`, want: `"title":"a"`},
		"control characters go":        {data: `{"title":"a\u001b[31m\u0000b\n\t"}`, want: `"title":"a[31mb\n\t"`},
		"nothing but controls":         {data: `{"title":"\u0000"}`, wantSkipped: "title"},
		"not UTF-8":                    {data: "{\"title\":\"a\xff\"}", want: `"title":"a` + "\uFFFD" + `"`},
		"half a surrogate":             {data: `{"title":"a\ud800"}`, want: `"title":"a` + "\uFFFD" + `"`},
		"a stream key in a title":      {data: `{"title":"my deadbeefdeadbeefdeadbeefdeadbeefk` + streamD + ` key"}`, wantSkipped: "title"},
		"a duration in hours":          {data: `{"duration":"100:00:01"}`, want: `"duration":"100h0m1s"`},
		"a duration with a fraction":   {data: `{"duration":"00:12:07.480"}`, want: `"duration":"12m7.48s"`},
		"a duration in seconds":        {data: `{"duration":727.48}`, want: `"duration":"12m7.48s"`},
		"a duration in text":           {data: `{"duration":"94.5"}`, want: `"duration":"1m34.5s"`},
		"a duration with an exponent":  {data: `{"duration":9.45e1}`, want: `"duration":"1m34.5s"`},
		"no duration yet":              {data: `{"duration":""}`},
		"a duration of one text more":  {data: `{"duration":"00:01:34 "}`, wantSkipped: "duration"},
		"a duration of nine digits":    {data: `{"duration":"00:00:00.123456789"}`, want: `"duration":"123.456ms"`},
		"a duration without end":       {data: `{"duration":1e999}`, wantSkipped: "duration"},
		"a duration of a wrong type":   {data: `{"duration":{"seconds":5}}`, wantSkipped: "duration"},
		"a duration that is true":      {data: `{"duration":true}`, wantSkipped: "duration"},
		"a duration of zero":           {data: `{"duration":"00:00:00"}`, want: `"duration":"0s"`},
		"a negative duration":          {data: `{"duration":-1}`, wantSkipped: "duration"},
		"an absurd duration":           {data: `{"duration":1e300}`, wantSkipped: "duration"},
		"absurd hours":                 {data: `{"duration":"10001:00:00"}`, wantSkipped: "duration"},
		"absurd minutes":               {data: `{"duration":"00:60:00"}`, wantSkipped: "duration"},
		"no clock":                     {data: `{"duration":"1:2"}`, wantSkipped: "duration"},
		"a resolution without p":       {data: `{"sourceResolution":"360","maxResolution":1080}`, want: `"maxResolution":"1080p","sourceResolution":"360p"`},
		"older names of resolutions":   {data: `{"availableresolution":"720p"}`, want: `"maxResolution":"720p"`},
		"the newer name wins":          {data: `{"availableresolution":"720p","maxresolution":"1080p"}`, want: `"maxResolution":"1080p"`},
		"a frame rate as a number":     {data: `{"frameRate":29.97}`, want: `"frameRate":"29.97"`},
		"an unknown frame rate":        {data: `{"frameRate":-1}`},
		"an unknown frame rate, text":  {data: `{"frameRate":"-1"}`},
		"a frame rate as a quotient":   {data: `{"frameRate":"30/1"}`, want: `"frameRate":"30/1"`},
		"a frame rate as a decimal":    {data: `{"frameRate":"60.000"}`, want: `"frameRate":"60.000"`},
		"aspect_ratio":                 {data: `{"aspect_ratio":"16:9"}`, want: `"aspectRatio":"16:9"`},
		"flags as texts and numbers":   {data: `{"isAudioOnly":"True","sourceAccess":0}`, want: `"audioOnly":true,"sourceAccess":false`},
		"a flag of a wrong type":       {data: `{"isAudioOnly":"maybe","sourceAccess":[]}`, wantSkipped: "isAudioOnly sourceAccess"},
		"no mp4Support":                {data: `{"mp4Support":"none"}`, want: `"mp4Support":"none"`},
		"an empty mp4Support clears":   {data: `{"mp4Support":""}`, want: `"mp4Support":""`},
		"mp4Support as one object":     {data: `{"mp4Support":{"type":"capped_4k"}}`, want: `"mp4Support":"capped_4k"`},
		"mp4Support of wrong types":    {data: `{"mp4Support":[5,{"type":{}},null,{"type":"a"}]}`, want: `"mp4Support":"a"`, wantSkipped: "mp4Support"},
		"mp4Support as a text":         {data: `{"mp4Support":"audioOnly,capped_4k"}`, want: `"mp4Support":"audioOnly,capped_4k"`},
		"mp4Support as a list":         {data: `{"mp4Support":[{"type":"capped_4k","status":"ready"},{"type":"audioOnly"},{"type":"capped_4k"}]}`, want: `"mp4Support":"audioOnly,capped_4k"`},
		"mp4Support as texts":          {data: `{"mp4Support":["b","a"]}`, want: `"mp4Support":"a,b"`},
		"times of 0 and 9 digits":      {data: `{"createdAt":"2026-11-20T09:00:00Z","updatedAt":"2026-11-20T10:00:00.123456789+01:00"}`, want: `"createdTime":"2026-11-20T09:00:00.000000Z","updatedTime":"2026-11-20T09:00:00.123456Z"`},
		"times since 1970":             {data: `{"created_at":1795256251,"updatedAt":"1795256251123"}`, want: `"createdTime":"2026-11-21T10:17:31.000000Z","updatedTime":"2026-11-21T10:17:31.123000Z"`},
		"a time with a fraction":       {data: `{"createdAt":1795256251.1234567}`, want: `"createdTime":"2026-11-21T10:17:31.123456Z"`},
		"times of 3 and 6 digits":      {data: `{"createdAt":"2026-11-20T09:00:00.123Z","updatedAt":"2026-11-20T09:00:00.123456Z"}`, want: `"createdTime":"2026-11-20T09:00:00.123000Z","updatedTime":"2026-11-20T09:00:00.123456Z"`},
		"times of wrong types":         {data: `{"createdAt":{"$date":1},"updatedAt":["2026-11-20T09:00:00Z"]}`, wantSkipped: "data.createdAt data.updatedAt"},
		"times without end":            {data: `{"createdAt":1e999,"updatedAt":-5}`, wantSkipped: "data.createdAt data.updatedAt"},
		"unreadable times":             {data: `{"createdAt":"yesterday","updatedAt":99999999999999999}`, wantSkipped: "data.createdAt data.updatedAt"},
		"times before 1970":            {data: `{"createdAt":"0001-01-01T00:00:00Z","updatedAt":0}`, wantSkipped: "data.createdAt data.updatedAt"},
		"metadata clears":              {data: `{"metadata":{}}`, want: `"metadata":{}`},
		"metadata of other types":      {data: `{"metadata":{"n":1.50,"b":true,"x":null,"o":{"a":1},"l":["a"]}}`, want: `"metadata":{"b":"true","n":"1.50"}`, wantSkipped: "metadata"},
		"nothing usable in metadata":   {data: `{"metadata":{"o":{}}}`, wantSkipped: "metadata"},
		"metadata as an empty list":    {data: `{"metadata":[]}`, wantSkipped: "metadata"},
		"metadata as a list of one":    {data: `{"metadata":[{"a":"b"}]}`, want: `"metadata":{"a":"b"}`},
		"metadata as a text":           {data: `{"metadata":"a=b"}`, wantSkipped: "metadata"},
		"an empty thumbnail clears":    {data: `{"thumbnail":""}`, want: `"thumbnail":""`},
		"a thumbnail of no known id":   {data: `{"thumbnail":"https://images.fastpix.com/p1/thumbnail.png"}`},
		"a thumbnail of a wrong type":  {data: `{"thumbnail":{},"playbackIds":[{"id":"p1"}]}`, want: `"playbackIDs":{"snapshot":[{"id":"p1"}]}`, wantSkipped: "thumbnail"},
		"secrets by name in metadata":  {data: `{"metadata":{"streamKey":"a","srt_secret":"b","Api-Key":"c","token":5,"keynote":"d","url":"https://x.example/"}}`, want: `"metadata":{"keynote":"d","url":"https://x.example/"}`, wantSkipped: "metadata"},
		"a stream key in metadata":     {data: `{"metadata":{"a":"b","deadbeefdeadbeefdeadbeefdeadbeefk` + streamD + `":"c"}}`, want: `"metadata":{"a":"b"}`, wantSkipped: "metadata"},
		"a playback id as an object":   {data: `{"playback_ids":{"id":"p1","policy":"public"}}`, want: `"playbackIDs":{"snapshot":[{"id":"p1","accessPolicy":"public"}]}`},
		"lists that are texts":         {data: `{"playbackIds":"none","tracks":"none"}`, wantSkipped: "playbackIds tracks"},
		"lists of texts":               {data: `{"playbackIds":["p1",null,{"id":"p2"}],"tracks":["audio"]}`, want: `"playbackIDs":{"snapshot":[{"id":"p2"}]}`, wantSkipped: "playbackIds tracks"},
		"playback ids without ids":     {data: `{"playbackIds":[{"accessPolicy":"public"},{"id":null},{"id":"p1"}]}`, want: `"playbackIDs":{"snapshot":[{"id":"p1"}]}`, wantSkipped: "playbackIds"},
		"a playback id that is twice":  {data: `{"playbackIds":[{"id":"AB","accessPolicy":"public"},{"id":"ab","accessPolicy":"private"}]}`, want: `"thumbnail":"","playbackIDs":{"snapshot":[{"id":"ab","accessPolicy":"private"}]}`},
		"playback ids of a wrong type": {data: `{"playbackIds":5}`, wantSkipped: "playbackIds"},
		"restrictions": {
			data: `{"playbackIds":[{"id":"p","accessRestrictions":{"domains":{"defaultPolicy":"deny","allow":"a.example","deny":[]},"userAgents":[]}}]}`,
			want: `"playbackIDs":{"snapshot":[{"id":"p","accessRestrictions":{"domains":{"defaultPolicy":"deny","allow":["a.example"]}}}]}`, wantSkipped: "playbackIds.accessRestrictions",
		},
		"restrictions of wrong types": {
			data: `{"playbackIds":[{"id":"p","accessPolicy":7,"accessRestrictions":"none"}]}`, want: `"playbackIDs":{"snapshot":[{"id":"p"}]}`,
			wantSkipped: "playbackIds.accessPolicy playbackIds.accessRestrictions",
		},
		"restrictions that are null":      {data: `{"playbackIds":[{"id":"p","accessPolicy":null,"accessRestrictions":null}]}`, want: `"playbackIDs":{"snapshot":[{"id":"p"}]}`},
		"a playback id's id that is null": {data: `{"playbackIds":[{"id":null,"accessPolicy":"public"}]}`, wantSkipped: "playbackIds"},
		"a track as an object":            {data: `{"tracks":{"id":"t","status":"preparing","languageCode":"und","languageName":"default"}}`, want: `"tracks":{"snapshot":[{"id":"t","state":"Preparing","languageCode":"und","languageName":"default"}]}`},
		"a track with absurd numbers":     {data: `{"tracks":[{"id":"t","width":1e30,"height":99999999999999999999,"frameRate":-1}]}`, want: `"tracks":{"snapshot":[{"id":"t"}]}`, wantSkipped: "tracks.height tracks.width"},
		"null between tracks":             {data: `{"tracks":[null,{"id":"t"},null]}`, want: `"tracks":{"snapshot":[{"id":"t"}]}`},
		"a track in words of lists":       {data: `{"tracks":[{"id":"t","status":"Ready","width":"1920","height":-1,"frameRate":60}]}`, want: `"tracks":{"snapshot":[{"id":"t","state":"Available","width":1920,"frameRate":"60"}]}`},
		"a track with one bad field": {
			data: `{"tracks":[{"id":"t","type":["x"],"languageCode":"en","width":"wide"}]}`, want: `"tracks":{"snapshot":[{"id":"t","languageCode":"en"}]}`,
			wantSkipped: "tracks.type tracks.width",
		},
		"generated subtitles have no ids": {data: `{"generatedSubtitles":[{"status":"available","url":"https://x?token=1"}]}`},
		"a stream and an upload":          {data: `{"streamId":"` + streamD + `","uploadId":"` + uploadB + `"}`, want: `"uploadID":"` + uploadB + `","streamID":"` + streamD + `"`},
		"a stream id that is none":        {data: `{"streamId":"a\nb"}`, wantSkipped: "data.streamId"},
		"a workspace in data":             {data: `{"workspaceId":"W1"}`, want: `"workspaceID":"W1"`},
		"what AI found": {
			data: `{"summary":{"status":"available","data":"text"},"chapters":{"status":"preparing","data":null},"namedEntities":{"status":"failed"},` +
				`"moderation":{"status":"ready","data":{"moderationResult":[{"category":"Violence","score":0.0300}]}}}`,
			want: `"ai":{"summary":{"availability":"Available","text":"text"},"chapters":{"availability":"Preparing"},"namedEntities":{"availability":"Failed"},` +
				`"moderation":{"availability":"Available","items":[{"category":"Violence","score":"0.03"}]}}`,
		},
		"AI parts that are null":  {data: `{"summary":{"status":null,"data":null},"chapters":null,"moderation":{"status":"available","data":null}}`, want: `"ai":{"moderation":{"availability":"Available"}}`},
		"AI parts of wrong types": {data: `{"summary":["a","b"],"chapters":5,"namedEntities":{"status":7,"data":"x"},"moderation":[{"category":"c","score":{}}]}`, want: `"ai":{"moderation":{"items":[{"category":"c"}]}}`, wantSkipped: "chapters moderation namedEntities summary"},
		"data that comes twice":   {data: `{"title":"a"},"data":{"creatorId":"c"}`, want: `"creatorID":"c"`},
		"deep below what is read": {data: `{"x":` + strings.Repeat(`[`, 9000) + strings.Repeat(`]`, 9000) + `,"title":"a"}`, want: `"title":"a"`},
		"what is never read":      {data: `{"trial":true,"test":false,"dataTrail":1,"inputs":[{"url":"x"}],"encoding_tier":"smart","attempts":null}`},
		"a summary as a text":     {data: `{"summary":"text"}`, want: `"ai":{"summary":{"text":"text"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, skipped := changesOf(t, mediaEvent("video.media.ready", tc.data))
			facts := `"state":"Ready"`
			if tc.want != "" {
				facts += "," + tc.want
			}
			if want := `[{"kind":"MediaAsset","id":"` + mediaA + `","media":{` + facts + `}}]`; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if got := strings.Join(slices.Sorted(slices.Values(skipped)), " "); got != tc.wantSkipped {
				t.Errorf("got skipped %q, want %q", got, tc.wantSkipped)
			}
		})
	}
}

func TestThumbnailIsShownOnlyIfItIsPublic(t *testing.T) {
	t.Parallel()
	const ids = `"playbackIds":[{"id":"pub","accessPolicy":"public"},{"id":"priv","accessPolicy":"private"}]`
	for url, shown := range map[string]bool{
		"https://images.fastpix.com/pub/thumbnail.png":               true,
		"https://images.fastpix.io/PUB/thumbnail.png":                false,
		"https://images.fastpix.com/priv/thumbnail.png":              false,
		"https://images.fastpix.com/other/pub/thumbnail.png":         false,
		"http://images.fastpix.com/pub/thumbnail.png":                false,
		"https://images.fastpix.com/pub/thumbnail.png?token=x":       false,
		"https://images.fastpix.com/pub/thumbnail.png?":              false,
		"https://images.fastpix.com/pub/thumbnail.png#x":             false,
		"https://u:p@images.fastpix.com/pub/thumbnail.png":           false,
		"https:///pub/thumbnail.png":                                 false,
		"https://images.fastpix.com/pub/" + strings.Repeat("x", 600): false,
		"javascript:alert(1)":                                        false,
		"":                                                           false,
	} {
		got, _ := changesOf(t, mediaEvent("video.media.updated", `{"thumbnail":"`+url+`",`+ids+`}`))
		want := `"thumbnail":""`
		if shown {
			want = `"thumbnail":"` + url + `"`
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: want %s in %s", url, want, got)
		}
	}
}

func TestThumbnailEndsWithItsPlaybackID(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		data string
		want bool
	}{
		"one is private now":      {`{"playbackIds":[{"id":"a","accessPolicy":"private"},{"id":"b","accessPolicy":"public"}]}`, true},
		"null, one is private":    {`{"thumbnail":null,"playbackIds":[{"id":"a","accessPolicy":"drm"},{"id":"b"}]}`, true},
		"a wrong type, private":   {`{"thumbnail":5,"playbackIds":[{"id":"a","accessPolicy":"private"}]}`, true},
		"all are public":          {`{"playbackIds":[{"id":"a","accessPolicy":"public"}]}`, false},
		"nothing is said of them": {`{"playbackIds":[{"id":"a"}]}`, false},
		"none":                    {`{"playbackIds":[]}`, false},
	} {
		if got, _ := changesOf(t, mediaEvent("video.media.updated", tc.data)); strings.Contains(got, `"thumbnail":""`) != tc.want {
			t.Errorf("%s: cleared: %v, in %s", name, !tc.want, got)
		}
	}
}

func TestStreamFields(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ data, want, wantSkipped string }{
		"nothing": {data: `null`},
		"all": {
			data: `{"streamId":"` + streamD + `","status":"idle","title":"x","streamKey":"k","maxResolution":"1080","maxDuration":"0","reconnectWindow":60.5,"enableDvrMode":"true",` +
				`"lowLatency":1,"enableRecording":false,"closedCaptions":"0","mediapolicy":"private","metadata":{},"mediaIds":["M1","AB",{"id":"m2"}]}`,
			want: `"metadata":{},"maxResolution":"1080p","maxDuration":"0s","reconnectWindow":"1m0.5s","dvrMode":true,"lowLatency":true,` +
				`"recordingEnabled":false,"closedCaptions":false,"mediaPolicy":"private","recordings":{"snapshot":[{"mediaID":"M1"},{"mediaID":"ab"},{"mediaID":"m2"}]}`,
		},
		"older spellings": {
			data: `{"playback_ids":{"id":"p","policy":"public"},"MediaPolicy":"public","srtSecert":"x","created_at":1701853948,"reconnectWindow":"60","maxDuration":28800}`,
			want: `"maxDuration":"8h0m0s","reconnectWindow":"1m0s","mediaPolicy":"public","createdTime":"2023-12-06T09:12:28.000000Z","playbackIDs":{"snapshot":[{"id":"p","accessPolicy":"public"}]}`,
		},
		"nulls":                   {data: `{"playbackIds":null,"simulcastResponses":null,"mediaIds":null,"metadata":null,"lowLatency":null,"mediaPolicy":null,"maxDuration":null}`},
		"empty lists":             {data: `{"playbackIds":[],"simulcastResponses":[],"mediaIds":[]}`},
		"the status is not read":  {data: `{"status":"disabled"}`},
		"recordings of any type":  {data: `{"mediaIds":["m1",7,null,{},["m2"],{"mediaId":"m3"}]}`, want: `"recordings":{"snapshot":[{"mediaID":"m1"},{"mediaID":"7"},{"mediaID":"m3"}]}`, wantSkipped: "mediaIds"},
		"targets that are texts":  {data: `{"simulcastResponses":["rtmp://x/key"]}`, wantSkipped: "simulcastResponses"},
		"flags of wrong types":    {data: `{"lowLatency":{},"enableDvrMode":2,"enableRecording":"off"}`, wantSkipped: "enableDvrMode enableRecording lowLatency"},
		"one recording as a text": {data: `{"mediaIds":"m1"}`, want: `"recordings":{"snapshot":[{"mediaID":"m1"}]}`},
		"a target as an object": {
			data: `{"simulcastResponses":{"simulcastId":"S1","url":"rtmp://x/key","isEnabled":"false"}}`,
			want: `"simulcastTargets":{"snapshot":[{"id":"S1","enabled":false}]}`,
		},
		"an absurd window": {data: `{"reconnectWindow":-60}`, wantSkipped: "reconnectWindow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, skipped := changesOf(t, liveEvent("video.live_stream.active", tc.data))
			facts := `"state":"Active"`
			if tc.want != "" {
				facts += "," + tc.want
			}
			if want := `[{"kind":"LiveStream","id":"` + streamD + `","stream":{` + facts + `}}]`; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if got := strings.Join(slices.Sorted(slices.Values(skipped)), " "); got != tc.wantSkipped {
				t.Errorf("got skipped %q, want %q", got, tc.wantSkipped)
			}
		})
	}
}

// The objects that an event concerns, and what it says about them beside their own fields.
func TestObjectsThatAnEventTouches(t *testing.T) {
	t.Parallel()
	const (
		media  = `{"kind":"MediaAsset","id":"` + mediaA + `","media":`
		upload = `{"kind":"MediaAsset","id":"` + uploadB + `","media":`
		stream = `{"kind":"LiveStream","id":"` + streamD + `","stream":`
	)
	for name, tc := range map[string]struct{ body, want string }{
		"media without object":         {body: `{"type":"video.media.ready","data":{"id":"` + mediaA + `"}}`, want: media + `{"state":"Ready"}}`},
		"media by mediaId":             {body: `{"type":"video.media.ready","data":{"mediaId":"` + mediaA + `"}}`, want: media + `{"state":"Ready"}}`},
		"media in capitals":            {body: `{"event":"VIDEO.MEDIA.READY","data":{"id":"` + strings.ToUpper(mediaA) + `"}}`, want: media + `{"state":"Ready"}}`},
		"eventType":                    {body: `{"event_type":"video.media.ready","data":{"id":"` + mediaA + `"}}`, want: media + `{"state":"Ready"}}`},
		"media whose object is a list": {body: `{"type":"video.media.ready","object":[{"type":"media","id":"` + mediaA + `"}]}`, want: media + `{"state":"Ready"}}`},
		"media named by a stream object": {
			body: `{"type":"video.media.ready","object":{"type":"live","id":"` + streamD + `"},"data":{"id":"` + mediaA + `"}}`, want: media + `{"state":"Ready","streamID":"` + streamD + `"}}`,
		},
		"updated, state in data":              {body: mediaEvent("video.media.updated", `{"status":"in_queue"}`), want: media + `{"state":"InQueue"}}`},
		"updated without status":              {body: mediaEvent("video.media.updated", `{}`), want: media + `{}}`},
		"updated with a wrong type of status": {body: mediaEvent("video.media.updated", `{"status":5}`), want: media + `{}}`},
		"updated to deleted":                  {body: mediaEvent("video.media.updated", `{"status":"deleted"}`), want: media + `{"state":"Deleted"}}`},
		"ready says ready, whatever else":     {body: mediaEvent("video.media.ready", `{"status":"Failed"}`), want: media + `{"state":"Ready"}}`},
		"source.deleted deletes no media":     {body: mediaEvent("video.media.source.deleted", `{"status":"Ready"}`), want: media + `{}}`},
		"an upload by object":                 {body: `{"type":"video.upload.created","object":{"type":"upload","id":"` + uploadB + `"}}`, want: upload + `{"state":"Waiting","uploadID":"` + uploadB + `"}}`},
		"an upload's empty texts say nothing": {body: `{"type":"video.media.upload","data":{"uploadId":"` + uploadB + `","pushMediaSettings":{"title":"","metadata":{}}}}`, want: upload + `{"state":"Waiting","uploadID":"` + uploadB + `"}}`},
		"an upload by settings of the old page": {
			body: `{"type":"video.upload.created","object":{"type":"upload","id":"` + uploadB + `"},"data":{"id":"` + uploadB + `","pushmediaSettings":{"maxResolution":"1080p","creatorId":"c","playback_ids":[{"id":"p"}]}}}`,
			want: upload + `{"state":"Waiting","creatorID":"c","uploadID":"` + uploadB + `","maxResolution":"1080p"}}`,
		},
		"an upload that calls itself a media": {
			body: `{"type":"video.media.upload","object":{"type":"media","id":"` + mediaA + `"},"data":{"uploadId":"` + uploadB + `"}}`,
			want: media + `{"uploadID":"` + uploadB + `"}},` + upload + `{"state":"Waiting","uploadID":"` + uploadB + `","becameMediaID":"` + mediaA + `"}}`,
		},
		"a cancelled upload that calls itself a media": {
			body: `{"type":"video.media.upload.cancelled","data":{"mediaId":"` + uploadB + `"}}`, want: upload + `{"state":"Cancelled","uploadID":"` + uploadB + `"}}`,
		},
		"an upload that became a recording": {
			body: mediaEvent("video.upload.media_created", `{"streamId":"`+streamD+`"}`), want: media + `{"state":"Created","streamID":"` + streamD + `"}}`,
		},
		"an upload object that names its media": {
			body: `{"type":"video.upload.created","object":{"type":"upload","id":"` + uploadB + `"},"data":{"id":"` + uploadB + `","mediaId":"` + mediaA + `"}}`,
			want: media + `{"uploadID":"` + uploadB + `"}},` + upload + `{"state":"Waiting","uploadID":"` + uploadB + `","becameMediaID":"` + mediaA + `"}}`,
		},
		"an upload that names its media": {
			body: `{"type":"video.media.upload.cancelled","data":{"uploadId":"` + uploadB + `","mediaId":"` + mediaA + `"}}`,
			want: media + `{"uploadID":"` + uploadB + `"}},` + upload + `{"state":"Cancelled","uploadID":"` + uploadB + `","becameMediaID":"` + mediaA + `"}}`,
		},
		"an upload that became its namesake": {
			body: mediaEvent("video.upload.media_created", `{"uploadId":"`+strings.ToUpper(mediaA)+`"}`), want: media + `{"state":"Created","uploadID":"` + mediaA + `"}}`,
		},
		"an upload that became another media": {
			body: mediaEvent("video.upload.media_created", `{"uploadId":"`+uploadB+`","title":"t"}`),
			want: media + `{"state":"Created","title":"t","uploadID":"` + uploadB + `"}},` + upload + `{"becameMediaID":"` + mediaA + `"}}`,
		},
		"an upload object that became a media": {
			body: `{"type":"video.upload.media_created","object":{"type":"upload","id":"` + uploadB + `"},"data":{"mediaId":"` + mediaA + `"}}`,
			want: media + `{"state":"Created","uploadID":"` + uploadB + `"}},` + upload + `{"becameMediaID":"` + mediaA + `"}}`,
		},
		"a recording": {body: mediaEvent("video.media.live_stream.created", `{"streamId":"`+streamD+`"}`), want: media + `{"state":"Created","streamID":"` + streamD + `"}},` + stream + `{"recordings":{"set":[{"mediaID":"` + mediaA + `"}]}}}`},
		"a recording by a stream object": {
			body: liveEvent("video.media.live_stream.created", `{"id":"`+mediaA+`","streamId":"`+streamD+`"}`),
			want: media + `{"state":"Created","streamID":"` + streamD + `"}},` + stream + `{"recordings":{"set":[{"mediaID":"` + mediaA + `"}]}}}`,
		},
		"a recording of no known stream": {body: mediaEvent("video.media.live_stream.created", `{"streamId":{}}`), want: media + `{"state":"Created"}}`},
		"recording.ready":                {body: liveEvent("video.live_stream.recording.ready", `{"id":"`+streamD+`","mediaId":"`+mediaA+`"}`), want: media + `{"streamID":"` + streamD + `"}},` + stream + `{"recordings":{"set":[{"mediaID":"` + mediaA + `"}]}}}`},
		"recording.ready by data.id": {
			body: liveEvent("video.live_stream.recording.ready", `{"id":"`+mediaA+`","streamId":"`+streamD+`"}`),
			want: media + `{"streamID":"` + streamD + `"}},` + stream + `{"recordings":{"set":[{"mediaID":"` + mediaA + `"}]}}}`,
		},
		"recording.ready that repeats the stream": {body: liveEvent("video.live_stream.recording.ready", `{"id":"`+streamD+`"}`), want: stream + `{}}`},
		"recording.ready of no media":             {body: liveEvent("video.live_stream.recording.ready", `{}`), want: stream + `{}}`},
		"recording.ready of no stream":            {body: `{"type":"video.live_stream.recording.ready","data":{"mediaId":"` + mediaA + `"}}`, want: media + `{}}`},
		"a media that came from a stream":         {body: mediaEvent("video.media.created", `{"streamId":"`+streamD+`"}`), want: media + `{"state":"Created","streamID":"` + streamD + `"}}`},
		"a track that names a stream":             {body: mediaEvent("video.media.track.deleted", `{"id":"t1","streamId":"`+streamD+`"}`), want: media + `{"streamID":"` + streamD + `","tracks":{"remove":["t1"]},"subtitles":{"remove":["t1"]}}}`},
		"a clip":                                  {body: mediaEvent("video.media.live_clip.created", `{"streamId":"`+streamD+`"}`), want: media + `{"state":"Created","streamID":"` + streamD + `"}},` + stream + `{"clips":{"set":[{"mediaID":"` + mediaA + `"}]}}}`},
		"a track by its id":                       {body: mediaEvent("video.media.track.ready", `{"id":"t1"}`), want: media + `{"tracks":{"set":[{"id":"t1","state":"Available"}]}}}`},
		"a track of mediaId":                      {body: `{"type":"video.media.track.created","data":{"id":"t1","mediaId":"` + mediaA + `"}}`, want: media + `{"tracks":{"set":[{"id":"t1","state":"Preparing"}]}}}`},
		"a track object":                          {body: `{"type":"video.media.track.ready","object":{"type":"track","id":"t1"},"data":{"id":"t1","mediaId":"` + mediaA + `"}}`, want: media + `{"tracks":{"set":[{"id":"t1","state":"Available"}]}}}`},
		"a track object of a media's id":          {body: `{"type":"video.media.track.ready","object":{"type":"track","id":"` + mediaA + `"},"data":{"id":"t1"}}`, want: media + `{"tracks":{"set":[{"id":"t1","state":"Available"}]}}}`},
		"a track that failed":                     {body: mediaEvent("video.media.track.failed", `{"id":"t1","status":"available"}`), want: media + `{"tracks":{"set":[{"id":"t1","state":"Failed"}]}}}`},
		"a track without an id":                   {body: mediaEvent("video.media.track.ready", `{"type":"audio"}`), want: media + `{}}`},
		"a track removed":                         {body: mediaEvent("video.media.track.deleted", `{"id":"T1"}`), want: media + `{"tracks":{"remove":["T1"]},"subtitles":{"remove":["T1"]}}}`},
		"a subtitle":                              {body: mediaEvent("video.media.subtitle.generated", `{"id":"t1"}`), want: media + `{"subtitles":{"set":[{"id":"t1","state":"Available"}]}}}`},
		"a subtitle in a whole media":             {body: mediaEvent("video.media.subtitle.generated", `{"id":"`+mediaA+`","title":"","tracks":[{"id":"t1"}]}`), want: media + `{"title":"","tracks":{"snapshot":[{"id":"t1"}]}}}`},
		"AI, bare":                                {body: mediaEvent("video.mediaAI.summary.ready", `"found"`), want: media + `{"ai":{"summary":{"availability":"Available","text":"found"}}}}`},
		"AI, in data":                             {body: mediaEvent("video.mediaAI.chapters.ready", `{"data":{"chapters":[{"chapter":1,"title":"a"}]}}`), want: media + `{"ai":{"chapters":{"availability":"Available","items":[{"chapter":"1","title":"a"}]}}}}`},
		"AI, a bare list":                         {body: mediaEvent("video.mediaAI.named_entities.ready", `[{"entity":"a","count":"2"},{"entity":"b"},{},5]`), want: media + `{"ai":{"namedEntities":{"availability":"Available","items":[{"entity":"a","count":2},{"entity":"b"}]}}}}`},
		"AI, wrapped":                             {body: mediaEvent("video.mediaAI.moderation.ready", `{"moderation":{"status":"preparing","data":[{"category":"c","score":"1e-2"}]}}`), want: media + `{"ai":{"moderation":{"availability":"Available","items":[{"category":"c","score":"0.01"}]}}}}`},
		"a target by streamId":                    {body: `{"type":"video.live_stream.simulcast_target.starting","data":{"simulcastId":"s1","livestreamId":"` + streamD + `"}}`, want: stream + `{"simulcastTargets":{"set":[{"id":"s1","state":"Starting"}]}}}`},
		"a target by id":                          {body: liveEvent("video.live_stream.simulcast_target.updated", `{"id":"s1","isEnabled":1}`), want: stream + `{"simulcastTargets":{"set":[{"id":"s1","enabled":true}]}}}`},
		"a target object of the stream's id":      {body: `{"type":"video.live_stream.simulcast_target.starting","object":{"type":"simulcast_target","id":"` + streamD + `"},"data":{"simulcastId":"s1"}}`, want: stream + `{"simulcastTargets":{"set":[{"id":"s1","state":"Starting"}]}}}`},
		"a target that is the stream":             {body: liveEvent("video.live_stream.simulcast_target.updated", `{"id":"`+streamD+`"}`), want: stream + `{}}`},
		"a target without an id":                  {body: liveEvent("video.live_stream.simulcast_target.deleted", `{}`), want: stream + `{}}`},
		"a stream without object":                 {body: `{"type":"video.live_stream.idle","data":{"streamId":"` + streamD + `"}}`, want: stream + `{"state":"Idle"}}`},
		"a stream by object.name":                 {body: `{"type":"video.live_stream.idle","object":{"name":"Live","id":"` + streamD + `"}}`, want: stream + `{"state":"Idle"}}`},
		"a stream by live-stream":                 {body: `{"type":"video.live_stream.idle","object":{"type":"live-stream","id":"` + streamD + `"},"data":{"streamId":"other"}}`, want: stream + `{"state":"Idle"}}`},
		"a media by video.media":                  {body: `{"type":"video.media.ready","object":{"type":"video.media","id":"` + mediaA + `"},"data":{"id":"other"}}`, want: media + `{"state":"Ready"}}`},
		"a media of an account":                   {body: `{"type":"video.media.ready","object":{"type":"account","id":"other"},"data":{"id":"` + mediaA + `"}}`, want: media + `{"state":"Ready"}}`},
		"an object that comes twice":              {body: `{"type":"video.media.ready","object":{"type":"media","id":"other"},"object":{"type":"media","id":"` + mediaA + `"}}`, want: media + `{"state":"Ready"}}`},
		"an object that is a text":                {body: `{"type":"video.media.ready","object":"media","data":{"id":"` + mediaA + `"}}`, want: media + `{"state":"Ready"}}`},
		"AI, a bare list of one":                  {body: mediaEvent("video.mediaAI.chapters.ready", `[{"chapter":1,"startTime":0,"endTime":12.5,"title":"a"}]`), want: media + `{"ai":{"chapters":{"availability":"Available","items":[{"chapter":"1","startTime":"0","endTime":"12.5","title":"a"}]}}}}`},
		"AI that found nothing":                   {body: mediaEvent("video.mediaAI.moderation.ready", `{"moderationResult":[]}`), want: media + `{"ai":{"moderation":{"availability":"Available"}}}}`},
		"a stream by data.id":                     {body: `{"type":"video.live_stream.idle","data":{"id":"` + streamD + `"}}`, want: stream + `{"state":"Idle"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, _ := changesOf(t, tc.body); got != "["+tc.want+"]" {
				t.Errorf("got  %s\nwant [%s]", got, tc.want)
			}
		})
	}
}

func TestEventsAndOtherBodies(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		body    string
		wantErr error
	}{
		"empty":                         {body: ``, wantErr: ErrNotObject},
		"an empty object":               {body: `{}`, wantErr: ErrProbe},
		"a probe with an event id":      {body: `{"id":"x","message":"hello"}`, wantErr: ErrProbe},
		"a probe with nulls":            {body: `{"type":null,"object":null,"data":{"id":""}}`, wantErr: ErrProbe},
		"a list":                        {body: `[{"type":"video.media.ready"}]`, wantErr: ErrNotObject},
		"a text":                        {body: `"video.media.ready"`, wantErr: ErrNotObject},
		"not JSON":                      {body: `type=video.media.ready`, wantErr: ErrNotObject},
		"a NUL behind it":               {body: "{\"type\":\"video.media.ready\"}\x00", wantErr: ErrNotObject},
		"two byte order marks":          {body: "\uFEFF\uFEFF{}", wantErr: ErrNotObject},
		"a number without end":          {body: `{"type":"video.media.ready","x":1e999,"data":{"id":"m"}}`},
		"a number that is none":         {body: `{"type":"video.media.ready","x":NaN}`, wantErr: ErrNotObject},
		"a comma too many":              {body: `{"type":"video.media.ready",}`, wantErr: ErrNotObject},
		"half of JSON":                  {body: `{"type":"video.media.ready"`, wantErr: ErrNotObject},
		"JSON and more":                 {body: `{"type":"video.media.ready"}{}`, wantErr: ErrNotObject},
		"far too deep":                  {body: `{"data":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, wantErr: ErrNotObject},
		"no resource":                   {body: `{"type":"video.media.ready"}`, wantErr: ErrNoID},
		"an id of a wrong type":         {body: `{"type":"video.media.ready","object":{"type":"media","id":{}}}`, wantErr: ErrNoID},
		"an id that is too long":        {body: `{"type":"video.media.ready","object":{"type":"media","id":"` + strings.Repeat("x", 129) + `"}}`, wantErr: ErrNoID},
		"an id with a line break":       {body: `{"type":"video.media.ready","object":{"type":"media","id":"a\nb"}}`, wantErr: ErrNoID},
		"an id that is not UTF-8":       {body: "{\"type\":\"video.media.ready\",\"object\":{\"type\":\"media\",\"id\":\"a\xff\"}}", wantErr: ErrNoID},
		"an id that is a fraction":      {body: `{"type":"video.media.ready","data":{"id":1.5}}`, wantErr: ErrNoID},
		"an id that is a stream secret": {body: `{"type":"video.media.ready","data":{"id":"deadbeefdeadbeefdeadbeefdeadbeefk` + streamD + `"}}`, wantErr: ErrNoID},
		"a media that is a stream":      {body: `{"type":"video.media.ready","object":{"type":"live","id":"` + streamD + `"},"data":{"streamId":"` + streamD + `"}}`, wantErr: ErrNoID},
		"a track of nothing":            {body: `{"type":"video.media.track.ready","data":{"id":"t1"}}`, wantErr: ErrNoID},
		"a track object":                {body: `{"type":"video.media.track.ready","object":{"type":"track","id":"t1"},"data":{"id":"t1"}}`, wantErr: ErrNoID},
		"a track object, no data":       {body: `{"type":"video.media.track.ready","object":{"type":"track","id":"t1"}}`, wantErr: ErrNoID},
		"a target of nothing":           {body: `{"type":"video.live_stream.simulcast_target.created","data":{"id":"s1"}}`, wantErr: ErrNoID},
		"a recording without a media":   {body: liveEvent("video.media.live_stream.created", `{"id":"`+streamD+`"}`), wantErr: ErrNoID},
		"an id that is a number":        {body: `{"type":"video.media.ready","data":{"id":15}}`},
		"an unknown type":               {body: `{"type":"video.media.holographic.ready"}`},
		"a type of a wrong type":        {body: `{"type":5}`},
		"no type, but a resource":       {body: `{"object":{"id":"x"}}`},
		"an unsafe object name":         {body: `{"type":"video.media.ready","data":{"id":"../../etc"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode([]byte(tc.body))
			if !errors.Is(err, tc.wantErr) || (e == nil) == (err == nil) {
				t.Fatalf("got (%v, %v), want error %v", e, err, tc.wantErr)
			}
			if got, want := LooksLikeProbe([]byte(tc.body)), errors.Is(tc.wantErr, ErrProbe) || tc.body == ""; got != want {
				t.Errorf("LooksLikeProbe: got %v", got)
			}
			if e != nil && e.Known != (len(e.Changes) > 0) {
				t.Errorf("known %v with %d changes", e.Known, len(e.Changes))
			}
		})
	}
}

func TestIsEmptyProbe(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"": true, "{}": true, " \r\n{}\n": true, "\uFEFF{}": true, "{ }": false, "[]": false, "null": false, `{"a":1}`: false,
	} {
		if got := IsEmptyProbe([]byte(body)); got != want {
			t.Errorf("%q: got %v, want %v", body, got, want)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const rest = `,"type":"video.media.ready","data":{"id":"m"}}`
	for name, tc := range map[string]struct{ head, wantID, wantWorkspace, wantTime string }{
		"eventId":                     {head: `{"eventId":"E1"`, wantID: "E1"},
		"event_id":                    {head: `{"event_id":"E1"`, wantID: "E1"},
		"id and eventId of one":       {head: `{"event_id":null,"eventId":"E1"`, wantID: "E1"},
		"id before eventId":           {head: `{"eventId":"E1","id":"E2"`, wantID: "E2"},
		"an unusable id":              {head: `{"eventId":"E1","id":"\n"`, wantID: "E1"},
		"a number":                    {head: `{"id":7`, wantID: "7"},
		"workspace":                   {head: `{"id":"e","Workspace":{"id":"W1"},"environment":{"id":"W2"}`, wantID: "e", wantWorkspace: "W1"},
		"environment":                 {head: `{"id":"e","environment":{"id":"ABCD"}`, wantID: "e", wantWorkspace: "abcd"},
		"workspace_id":                {head: `{"id":"e","workspace_id":"W1"`, wantID: "e", wantWorkspace: "W1"},
		"workspace before flat":       {head: `{"id":"e","workspaceId":"W2","workspace":{"id":"W1"}`, wantID: "e", wantWorkspace: "W1"},
		"a workspace of a wrong type": {head: `{"id":"e","workspace":"W2","workspaceId":"W1"`, wantID: "e", wantWorkspace: "W1"},
		"no digits":                   {head: `{"id":"e","createdAt":"2026-11-20T09:01:12Z"`, wantID: "e", wantTime: "2026-11-20T09:01:12.000000Z"},
		"one digit":                   {head: `{"id":"e","createdAt":"2026-11-20T09:01:12.1Z"`, wantID: "e", wantTime: "2026-11-20T09:01:12.100000Z"},
		"three digits":                {head: `{"id":"e","created_at":"2026-11-20T09:01:12.808Z"`, wantID: "e", wantTime: "2026-11-20T09:01:12.808000Z"},
		"six digits":                  {head: `{"id":"e","createdAt":"2026-11-20T09:01:12.877104Z"`, wantID: "e", wantTime: "2026-11-20T09:01:12.877104Z"},
		"epoch milliseconds":          {head: `{"id":"e","createdAt":1795256251123`, wantID: "e", wantTime: "2026-11-21T10:17:31.123000Z"},
		"epoch in text":               {head: `{"id":"e","createdAt":"1795256251"`, wantID: "e", wantTime: "2026-11-21T10:17:31.000000Z"},
		"epoch milliseconds in text":  {head: `{"id":"e","occurredAt":"1795256251123"`, wantID: "e", wantTime: "2026-11-21T10:17:31.123000Z"},
		"epoch with a fraction":       {head: `{"id":"e","createdAt":1795256251.5`, wantID: "e", wantTime: "2026-11-21T10:17:31.500000Z"},
		"a time of a wrong type":      {head: `{"id":"e","createdAt":{"seconds":1}`, wantID: "e"},
		"a time without a zone":       {head: `{"id":"e","createdAt":"2026-11-20T09:01:12"`, wantID: "e"},
		"created_at":                  {head: `{"id":"e","created_at":1795256251`, wantID: "e", wantTime: "2026-11-21T10:17:31.000000Z"},
		"occurredAt":                  {head: `{"id":"e","createdAt":"soon","occurredAt":1795256251`, wantID: "e", wantTime: "2026-11-21T10:17:31.000000Z"},
		"nanoseconds are cut":         {head: `{"id":"e","createdAt":"2026-11-20T09:01:12.877104999Z"`, wantID: "e", wantTime: "2026-11-20T09:01:12.877104Z"},
		"another zone":                {head: `{"id":"e","createdAt":"2026-11-20T09:01:12+02:00"`, wantID: "e", wantTime: "2026-11-20T07:01:12.000000Z"},
		"the year 9999 is the last":   {head: `{"id":"e","createdAt":"9999-12-31T23:59:59.999999-01:00"`, wantID: "e"},
		"no time of a missing value":  {head: `{"id":"e","createdAt":""`, wantID: "e"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e, err := Decode([]byte(tc.head + rest))
			if err != nil {
				t.Fatal(err)
			}
			at := ""
			if e.Time != nil {
				at = e.Time.UTC().Format("2006-01-02T15:04:05.000000Z07:00")
			}
			if e.ID != tc.wantID || e.WorkspaceID != tc.wantWorkspace || at != tc.wantTime {
				t.Errorf("got (%q, %q, %q), want (%q, %q, %q)", e.ID, e.WorkspaceID, at, tc.wantID, tc.wantWorkspace, tc.wantTime)
			}
		})
	}
	a, errA := Decode([]byte(`{"type":"video.media.ready","data":{"id":"m"}}`))
	b, errB := Decode([]byte(`{"type":"video.media.ready","data":{"id":"m"}} `))
	if err := errors.Join(errA, errB); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(a.ID, "digest:") || len(a.ID) != len("digest:")+64 || a.ID == b.ID {
		t.Errorf("got ids %q and %q", a.ID, b.ID)
	}
}

func TestListsAreCutAt64(t *testing.T) {
	t.Parallel()
	list := func(n int) string {
		var ids []string
		for i := range n {
			ids = append(ids, fmt.Sprintf(`{"id":"p%d"}`, i))
		}
		return strings.Join(append(ids, `{"id":"p0","accessPolicy":"drm"}`), ",")
	}
	for n, truncated := range map[int]bool{64: false, 65: true, 5000: true} {
		e, err := Decode([]byte(mediaEvent("video.media.ready", `{"playbackIds":[`+list(n)+`]}`)))
		if err != nil {
			t.Fatal(err)
		}
		got := e.Changes[0].Media.PlaybackIDs
		if len(got.Snapshot) != 64 || got.Truncated != truncated || got.Snapshot[63].ID != "p63" {
			t.Errorf("%d elements: got %d, truncated %v", n, len(got.Snapshot), got.Truncated)
		}
		if got.Snapshot[0].AccessPolicy != "drm" {
			t.Errorf("%d elements: of two with one id, the last does not count", n)
		}
	}
}
