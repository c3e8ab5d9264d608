// Command sbom prints the software bill of materials of a Go program as SPDX 2.3 in JSON. It reads the modules that the linker wrote into the
// program, and not go.mod: these are the modules that are really in it.
//
//	sbom -version v1.2.3 -created 1700000000 -name NAME PROGRAM
//
// The same program gives the same bytes.
package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const (
	repository  = "https://github.com/fastpix-operator/fastpix-operator"
	noAssertion = "NOASSERTION"
)

func main() {
	version := flag.String("version", "", "Version of the release.")
	created := flag.Int64("created", 0, "Time of the release, in seconds since 1970.")
	name := flag.String("name", "", "Name of the program in the release.")
	flag.Parse()
	if flag.NArg() != 1 || *version == "" || *name == "" {
		fmt.Fprintln(os.Stderr, "usage: sbom -version VERSION -created SECONDS -name NAME PROGRAM")
		os.Exit(2)
	}
	document, err := describe(flag.Arg(0), *name, *version, time.Unix(*created, 0).UTC())
	if err == nil {
		err = spdxjson.Write(document, os.Stdout, spdxjson.Indent("  "))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// describe returns the document of a program: the program, the Go that built it, and its modules.
func describe(file, name, version string, created time.Time) (*v2_3.Document, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	program := &v2_3.Package{
		PackageName: name, PackageSPDXIdentifier: "program", PackageVersion: version, PackageFileName: filepath.Base(file),
		PackageSupplier:         &common.Supplier{SupplierType: "Organization", Supplier: "fastpix-operator"},
		PackageDownloadLocation: repository + "/releases/tag/" + version,
		PackageChecksums:        []common.Checksum{{Algorithm: common.SHA256, Value: sum}},
		PackageLicenseConcluded: "Apache-2.0", PackageLicenseDeclared: "Apache-2.0", PackageCopyrightText: noAssertion,
		PrimaryPackagePurpose: "APPLICATION",
	}
	document := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: name + "-" + version,
		// The namespace must be unique for each document. The digest of the program makes it so.
		DocumentNamespace: repository + "/spdx/" + name + "-" + sum,
		CreationInfo: &v2_3.CreationInfo{
			Created: created.Format(time.RFC3339), Creators: []common.Creator{{CreatorType: "Tool", Creator: "fastpix-operator/hack/release/sbom"}},
		},
		Packages:      []*v2_3.Package{program},
		Relationships: []*v2_3.Relationship{relation("DOCUMENT", common.TypeRelationshipDescribe, "program")},
	}
	modules := append([]*debug.Module{{Path: "stdlib", Version: strings.TrimPrefix(info.GoVersion, "go")}}, info.Deps...)
	for _, module := range modules {
		part := packageOf(module)
		document.Packages = append(document.Packages, part)
		document.Relationships = append(document.Relationships, relation("program", common.TypeRelationshipDependsOn, part.PackageSPDXIdentifier))
	}
	return document, nil
}

// notInID matches what an SPDX identifier cannot have.
var notInID = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// packageOf describes a module. The licence is not known, because the linker does not know it.
func packageOf(module *debug.Module) *v2_3.Package {
	if module.Replace != nil {
		module = module.Replace
	}
	p := &v2_3.Package{
		PackageName: module.Path, PackageVersion: module.Version,
		PackageSPDXIdentifier:   common.ElementID("go-" + notInID.ReplaceAllString(module.Path+"-"+module.Version, "-")),
		PackageDownloadLocation: noAssertion, PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: "pkg:golang/" + module.Path + "@" + module.Version,
		}},
	}
	if module.Sum != "" {
		p.PackageSourceInfo = "go.sum: " + module.Sum
	}
	return p
}

func relation(from common.ElementID, kind string, to common.ElementID) *v2_3.Relationship {
	return &v2_3.Relationship{RefA: common.MakeDocElementID("", string(from)), Relationship: kind, RefB: common.MakeDocElementID("", string(to))}
}
