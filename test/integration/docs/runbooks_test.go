package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fastpix-operator/fastpix-operator/test/framework/controlplane"
)

// alerts are the names of all alerts. If config/prometheus has rules, they have these names and no others.
var alerts = []string{
	"FastPixAcknowledgementBudgetBurn", "FastPixBacklogLarge", "FastPixBatchesForged", "FastPixControllersWithoutLeader", "FastPixDeliveriesRefused",
	"FastPixEventsDiscarded", "FastPixEventsPendingLong", "FastPixJournalCommitSlow", "FastPixMalformedDeliveries", "FastPixMirroredLateBudgetBurn",
	"FastPixNoDeliveries", "FastPixReceiverAbsent", "FastPixRecordsFailed", "FastPixSyncRunsFail", "FastPixSyncStale", "FastPixSyncerWithoutLeader",
	"FastPixUnauthorizedDeliveries", "FastPixUntimedEvents", "FastPixWebhooksMissed",
}

// TestEveryAlertHasARunbook protects who is woken by an alert: its page exists, says first whether anything is lost, and has the four parts.
func TestEveryAlertHasARunbook(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("docs/runbooks/FastPix*.md")
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	for _, file := range files {
		pages = append(pages, strings.TrimSuffix(filepath.Base(file), ".md"))
	}
	if !slices.Equal(pages, alerts) {
		t.Errorf("docs/runbooks has the pages\n%v\nwant\n%v", pages, alerts)
	}
	if rules := rulesOfPrometheus(t); rules != nil && !slices.Equal(rules, alerts) {
		t.Errorf("config/prometheus has the alerts\n%v\nwant\n%v", rules, alerts)
	}
	index := readFile(t, "docs/runbooks/README.md")
	form := regexp.MustCompile(`(?s)^# (\w+)\n\nIs anything lost\? .+?\n\n## Meaning\n\n.+\n## See it\n\n.+\n## Mend it\n\n.+\n## Prove it\n\n.+$`)
	for _, name := range alerts {
		page := readFile(t, "docs/runbooks/"+name+".md")
		if title := form.FindStringSubmatch(page); title == nil || title[1] != name || strings.Count(page, "\n## ") != 4 {
			t.Errorf("%s does not have the form of a runbook", name)
		}
		if !strings.Contains(index, "]("+name+".md)") {
			t.Errorf("docs/runbooks/README.md does not link to %s", name)
		}
	}
}

// rulesOfPrometheus returns the names of the alerts in config/prometheus, sorted; nil if it has none.
func rulesOfPrometheus(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("config/prometheus/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.yaml") {
			continue
		}
		for _, name := range regexp.MustCompile(`(?m)^ *- alert: (\w+)`).FindAllStringSubmatch(readFile(t, file), -1) {
			names = append(names, name[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// TestRunbooksNameWhatExists protects the runbooks from names that change: metrics, messages of the log, reasons of Kubernetes Events, fields,
// Deployments, labels and links.
func TestRunbooksNameWhatExists(t *testing.T) {
	t.Parallel()
	outputs, exist := readFile(t, "test/framework/redaction/testdata/output.txt"), registered(t)
	var manifests, schemas string
	for _, file := range slices.Concat(glob(t, "config/*/deployment.yaml"), glob(t, "config/*/metrics_service.yaml"), glob(t, "config/default/*.yaml")) {
		manifests += readFile(t, file)
	}
	for _, file := range glob(t, "config/crd/bases/*.yaml") {
		schemas += readFile(t, file)
	}
	answers := readFile(t, "webhookserver/answer.go")
	type check struct {
		what  string
		named *regexp.Regexp
		exist func(name string) bool
	}
	checks := []check{
		{"metric", regexp.MustCompile(`\b(fastpix_\w+)`), func(name string) bool {
			return exist[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(name, "")] || exist[name]
		}},
		{"message of the log", regexp.MustCompile("`([A-Z][a-z]+ [a-z]+ [a-z]+ [^`]*)`"), func(name string) bool { return strings.Contains(outputs, `"`+name) }},
		{"text of the log", regexp.MustCompile(`grep '([A-Z][^']*)'`), func(name string) bool { return strings.Contains(outputs, name) }},
		{"reason of a refusal", regexp.MustCompile(`"reason":"(\w+)"`), func(name string) bool { return strings.Contains(answers, `"`+name+`"`) }},
		{"reason of an Event", regexp.MustCompile(`reason=(\w+)`), func(name string) bool { return strings.Contains(outputs, `"`+name+`"`) }},
		{"Deployment", regexp.MustCompile(`deployments?[ /](fastpix-[\w-]+)`), func(name string) bool { return strings.Contains(manifests, "name: "+name+"\n") }},
		{"component", regexp.MustCompile(`app\.kubernetes\.io/component=([a-z]+)`), func(name string) bool { return strings.Contains(manifests, "component: "+name+"\n") }},
		{"field of a status", regexp.MustCompile(`\.status\.(?:sync\.)?(\w+)`), func(name string) bool { return strings.Contains(schemas, " "+name+":\n") }},
		{"field of a spec", regexp.MustCompile(`spec\.(\w+)`), func(name string) bool {
			return strings.Contains(schemas, " "+name+":\n") || name == "holderIdentity" || name == "renewTime" // of a Lease
		}},
		{"page", regexp.MustCompile(`\]\(([^)#:]+)[#)]`), func(name string) bool {
			_, err := os.Stat(filepath.Join("docs/runbooks", name))
			return err == nil
		}},
		{"title", regexp.MustCompile(`\]\(([^):]*#[^)]+)\)`), func(name string) bool {
			file, anchor, _ := strings.Cut(name, "#")
			if file == "" {
				return true // of this page
			}
			for title := range strings.Lines(readFile(t, filepath.Join("docs/runbooks", file))) {
				if strings.HasPrefix(title, "#") && anchorOf(title) == anchor {
					return true
				}
			}
			return false
		}},
	}
	for _, c := range checks {
		found := 0
		for _, file := range glob(t, "docs/runbooks/*.md") {
			for _, name := range c.named.FindAllStringSubmatch(readFile(t, file), -1) {
				if found++; !c.exist(name[1]) {
					t.Errorf("%s names a %s that does not exist: %s", file, c.what, name[1])
				}
			}
		}
		if found == 0 {
			t.Errorf("no page names a %s: the check finds nothing", c.what)
		}
	}
}

// anchorOf returns the anchor that GitHub gives to a title.
func anchorOf(title string) string {
	title = strings.ToLower(strings.TrimSpace(strings.TrimLeft(title, "#")))
	return strings.ReplaceAll(regexp.MustCompile(`[^\w\- ]`).ReplaceAllString(title, ""), " ", "-")
}

// TestRunbooksRunCommandsOfKubectl protects the commands of the runbooks: kubectl has each verb and each flag, and each resource exists.
func TestRunbooksRunCommandsOfKubectl(t *testing.T) {
	t.Parallel()
	folder, err := controlplane.Assets()
	if err != nil {
		if testing.Short() {
			t.Skip(err) // test-unit needs no control plane; make test has one
		}
		t.Fatal(err)
	}
	help := map[string]string{}
	ask := func(args ...string) string {
		t.Helper()
		key := strings.Join(args, " ")
		if _, ok := help[key]; !ok {
			out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "kubectl"), args...).CombinedOutput()
			if err != nil {
				out = nil
			}
			help[key] = string(out)
		}
		return help[key]
	}
	options, resources, count := ask("options"), knownResources(t), 0
	for _, file := range glob(t, "docs/runbooks/*.md") {
		for _, command := range kubectlCommands(readFile(t, file)) {
			count++
			verb, flags, arguments := parse(command)
			text := ask(append(slices.Clone(verb), "--help")...)
			if !strings.Contains(text, "kubectl "+strings.Join(verb, " ")+" ") {
				t.Errorf("%s: kubectl has no command %q: %v", file, verb, command)
			}
			for _, flag := range flags {
				named := regexp.MustCompile(`(?m)(^|[\s,])` + regexp.QuoteMeta(flag) + `(=|,|$)`)
				if !named.MatchString(text) && !named.MatchString(options) {
					t.Errorf("%s: kubectl %v has no flag %s", file, verb, flag)
				}
			}
			for _, r := range resourcesOf(verb, arguments) {
				if !resources[r] {
					t.Errorf("%s: kubectl %v names a resource that does not exist: %s", file, verb, r)
				}
			}
		}
	}
	if count < 100 {
		t.Errorf("only %d commands were found", count)
	}
}

// kubectlCommands returns the words of each command of kubectl in the code of a page.
func kubectlCommands(page string) (commands [][]string) {
	for line := range strings.Lines(page) {
		code := []string{line}
		if !strings.HasPrefix(line, "    ") {
			code = nil
			for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(line, -1) {
				code = append(code, span[1])
			}
		}
		for _, c := range code {
			// Words, with quotes; a word ends a command if it is an operator of the shell.
			var words []string
			for _, word := range append(regexp.MustCompile(`(?:[^\s'"|;&()>]|'[^']*'|"[^"]*")+|[|;&()>]`).FindAllString(c, -1), ";") {
				if strings.ContainsAny(word, "|;&()>") && len(word) == 1 {
					if len(words) > 0 && words[0] == "kubectl" {
						commands = append(commands, words[1:])
					}
					words = nil
					continue
				}
				words = append(words, word)
			}
		}
	}
	return commands
}

// parse returns the verb of a command of kubectl with its sub-command, the names of its flags, and its other arguments.
func parse(command []string) (verb, flags, arguments []string) {
	withValue := []string{"-n", "-l", "-o", "-p", "-k", "--namespace", "--for"}
	for i := 0; i < len(command); i++ {
		word := command[i]
		if strings.HasPrefix(word, "-") {
			name, _, hasValue := strings.Cut(word, "=")
			flags = append(flags, name)
			if !hasValue && slices.Contains(withValue, name) {
				i++
			}
			continue
		}
		arguments = append(arguments, word)
	}
	n := 1
	if slices.Contains([]string{"auth", "rollout", "create"}, arguments[0]) {
		n = 2
	}
	return arguments[:n], flags, arguments[n:]
}

// resourcesOf returns the resources that the arguments of a command name.
func resourcesOf(verb, arguments []string) (resources []string) {
	switch verb[0] {
	case "auth":
		arguments = arguments[min(1, len(arguments)):] // the first one is a verb of the API
	case "get", "describe", "delete", "patch", "wait", "annotate", "scale", "rollout", "logs", "port-forward":
	default:
		return nil
	}
	if len(arguments) == 0 || strings.ContainsAny(arguments[0][:1], "$'/") {
		return nil // a variable, or a path
	}
	for name := range strings.SplitSeq(arguments[0], ",") {
		name, _, _ = strings.Cut(name, "/")
		resources = append(resources, name)
	}
	return resources
}

// knownResources returns the names of the resources of the CRDs, and those of Kubernetes that runbooks use.
func knownResources(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{"certificates": true} // of cert-manager
	for _, name := range []string{
		"clusterrolebinding", "clusterrolebindings", "crd", "deployment", "endpointslices", "events", "events.events.k8s.io", "lease", "mutatingwebhookconfigurations",
		"pod", "pods", "resourcequota", "rolebindings", "secret", "serviceaccount", "validatingwebhookconfigurations",
	} {
		known[name] = true
	}
	for _, file := range glob(t, "config/crd/bases/*.yaml") {
		var crd struct {
			Spec struct {
				Group string `json:"group"`
				Names struct {
					Plural     string   `json:"plural"`
					Singular   string   `json:"singular"`
					ShortNames []string `json:"shortNames"`
				} `json:"names"`
			} `json:"spec"`
		}
		if err := yaml.Unmarshal([]byte(readFile(t, file)), &crd); err != nil {
			t.Fatal(err)
		}
		for _, name := range append(crd.Spec.Names.ShortNames, crd.Spec.Names.Plural, crd.Spec.Names.Singular, crd.Spec.Names.Plural+"."+crd.Spec.Group) {
			known[name] = true
		}
	}
	return known
}

func readFile(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is named %s: %v", pattern, err)
	}
	return files
}
