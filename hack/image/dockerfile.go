package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// stage contains the properties of an image that the last stage of a Dockerfile defines.
type stage struct {
	User       string
	Entrypoint []string
	Labels     map[string]string
	Ports      []string
	// Path is the path of the only file in the image.
	Path string
}

var (
	continued = regexp.MustCompile(`\\\n\s*`)
	from      = regexp.MustCompile(`(?m)^FROM .*$`)
	comment   = regexp.MustCompile(`(?m)^\s*#.*\n?`)
	label     = regexp.MustCompile(`^([\w.-]+)="([^"]*)"\s*`)
)

// lastStage reads the last stage of a Dockerfile. An instruction that this program does not support is an error.
func lastStage(dockerfile string, given arguments) (stage, error) {
	text := continued.ReplaceAllString(comment.ReplaceAllString(dockerfile, ""), " ")
	froms := from.FindAllStringIndex(text, -1)
	if froms == nil {
		return stage{}, errors.New("it has no FROM")
	}
	s := stage{Labels: map[string]string{}}
	values := arguments{}
	for line := range strings.Lines(text[froms[len(froms)-1][1]:]) {
		instruction, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		if err := s.read(instruction, strings.TrimSpace(rest), values, given); err != nil {
			return stage{}, fmt.Errorf("%s %s: %w", instruction, rest, err)
		}
	}
	if s.Path == "" || len(s.Entrypoint) == 0 || s.User == "" {
		return stage{}, errors.New("the last stage lacks COPY, ENTRYPOINT or USER")
	}
	return s, nil
}

func (s *stage) read(instruction, rest string, values, given arguments) error {
	switch instruction {
	case "": // empty line
	case "ARG":
		name, value, _ := strings.Cut(rest, "=")
		if v, ok := given[name]; ok {
			value = v
		}
		values[name] = strings.Trim(value, `"`)
	case "LABEL":
		return s.readLabels(rest, values)
	case "COPY":
		fields := strings.Fields(rest)
		if s.Path != "" {
			return errors.New("more than one file")
		}
		s.Path = fields[len(fields)-1]
	case "USER":
		s.User = rest
	case "EXPOSE":
		s.Ports = strings.Fields(rest)
	case "ENTRYPOINT":
		return json.Unmarshal([]byte(rest), &s.Entrypoint)
	default:
		return errors.New("this program does not support the instruction")
	}
	return nil
}

// readLabels reads NAME="VALUE" pairs, and replaces ${ARG} with the value of the argument.
func (s *stage) readLabels(rest string, values arguments) error {
	for rest != "" {
		found := label.FindStringSubmatch(rest)
		if found == nil {
			return fmt.Errorf("%q does not start with NAME=\"VALUE\"", rest)
		}
		s.Labels[found[1]] = os.Expand(found[2], func(name string) string { return values[name] })
		rest = rest[len(found[0]):]
	}
	return nil
}
