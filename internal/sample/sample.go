package sample

import (
	"embed"
	"io/fs"
)

//go:embed payloads/*.json
var files embed.FS

// Body returns the sample body of that file name, such as video.media.ready.json. It panics if there is none.
func Body(name string) []byte {
	b, err := files.ReadFile("payloads/" + name)
	if err != nil {
		panic(err)
	}
	return b
}

// Names returns the file names of all sample bodies, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, "payloads")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// OfType returns the sample body of an event type in the catalogue's spelling, and whether there is one.
func OfType(typ string) ([]byte, bool) {
	for _, prefix := range []string{"", "inferred."} {
		if b, err := files.ReadFile("payloads/" + prefix + typ + ".json"); err == nil {
			return b, true
		}
	}
	return nil, false
}
