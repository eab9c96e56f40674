package tidy

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

const module = "meridian"

// root is the repository, seen from this package.
const root = "../.."

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports", "./...")
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []goPackage
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages only: the test would test nothing", len(all))
	}
	return all
}

func TestImportsFollowTheArchitecture(t *testing.T) {
	for _, p := range packages(t) {
		from := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, imported := range p.Imports {
			if to, ours := strings.CutPrefix(imported, module+"/"); ours {
				if why := checkImport(from, to); why != "" {
					t.Error(why)
				}
			} else if why := checkModule(from, imported); why != "" {
				t.Error(why)
			}
		}
	}
}

// TestRulesCanFail breaks each kind of rule, so that the test above is known to see it.
func TestRulesCanFail(t *testing.T) {
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"edge", "core", true}, {"edge", "core/state", true}, {"edge", "replication", true}, {"edge", "api/coreclient", false},
		{"edge", "api", false}, {"edge/cache", "edge", false}, {"core", "replication", true}, {"replication", "core", true},
		{"core/state", "api", false}, {"core", "core/state", false}, {"core/payments", "core", false}, {"core", "api/coreclient", true},
		{"api", "core", true}, {"api", "api/coreclient", true}, {"api/coreclient", "api", false}, {"api/coreclient", "edge", true},
		{"web", "api", true}, {"assets", "api", false}, {"assets", "edge", true}, {"analytics", "api", false}, {"analytics", "edge", true}, {"analytics", "api/coreclient", true},
		{"internal/flagenv", "api", true}, {"cmd/core", "core/payments", false}, {"cmd/core", "edge", true}, {"cmd/edge", "core", true},
		{"cmd/dev", "core/seal", false}, {"test/scenario", "internal/cluster", false}, {"edge", "internal/cluster", true}, {"edge/https", "edge", true}, {"cmd/edge", "edge/acme", false}, {"cmd/core", "internal/cluster", true},
		{"deploy/local/payments", "internal/flagenv", false}, {"deploy/local/payments", "core", true}, {"deploy/local/payments", "deploy/local/payments/sandbox", false},
		{"somewhere/new", "api", true},
	} {
		if why := checkImport(c.from, c.to); (why != "") != c.bad {
			t.Errorf("%s imports %s: refused %v (%s), want %v", c.from, c.to, why != "", why, c.bad)
		}
	}
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"core", "github.com/hashicorp/raft", true}, {"replication", "github.com/hashicorp/raft-boltdb/v2", false}, {"edge", "github.com/hashicorp/raft-boltdb/v2", true},
		{"edge", "github.com/minio/minio-go/v7", true}, {"internal/objects", "github.com/minio/minio-go/v7/pkg/credentials", false}, {"backup", "github.com/minio/minio-go/v7", true},
		{"core", "go.etcd.io/bbolt", true}, {"core/state", "go.etcd.io/bbolt", false}, {"edge", "fmt", false},
	} {
		if why := checkModule(c.from, c.to); (why != "") != c.bad {
			t.Errorf("%s imports %s: refused %v (%s), want %v", c.from, c.to, why != "", why, c.bad)
		}
	}
}

// files gives every text file of the repository; what git ignores by our rules is left out.
func files(t *testing.T, each func(path string, content []byte)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a temporary file of a test that runs beside this one
			}
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "bin", ".demo", "node_modules", ".terraform":
				return filepath.SkipDir
			}
			return nil
		}
		if d.Name() == ".git" { // of a work tree: it names a directory of its machine
			return nil
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || err == nil && (len(content) > 8<<20 || !utf8.Valid(content)) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		n++
		each(filepath.ToSlash(rel), content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if n < 50 {
		t.Fatalf("%d files only: the test would test nothing", n)
	}
}

// foreign finds what belongs to one machine and not into a repository: absolute paths of someone's
// checkout, hosts of package registries, and names of tools that took part in the writing.
// The words are put together here, so that this file does not hold them.
func foreign() *regexp.Regexp {
	words := []string{
		`(^|[\s"'(=` + "`" + `])/` + `(wo` + `rk|ro` + `ot|ho` + `me/[a-z]+)/`,
		`/t` + `mp/[A-Za-z0-9]`,
		`regis` + `try\.npm`, `npm` + `js\.(com|org)`, `proxy\.go` + `lang`, `sum\.go` + `lang`, `pypi` + `\.org`, `crates` + `\.io`,
		`(?i)cla` + `ude`, `(?i)anthro` + `pic`, `(?i)chat` + `gpt`, `(?i)open` + `ai\b`, `(?i)sub-?` + `agent`, `(?i)\bco` + `pilot\b`, `(?i)language ` + `model`,
	}
	return regexp.MustCompile("(?m)" + strings.Join(words, "|"))
}

// hints are parts of everything that foreign finds. They are looked for first, because an expression
// with that many branches takes a minute over a whole repository.
func hints() [][]byte {
	var all [][]byte
	for _, h := range []string{"/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/t" + "mp/", "regis" + "try.npm", "npm" + "js.", "proxy.go" + "lang", "sum.go" + "lang",
		"pypi" + ".org", "crates" + ".io", "cla" + "ude", "anthro" + "pic", "chat" + "gpt", "open" + "ai", "agent", "co" + "pilot", "language " + "model"} {
		all = append(all, []byte(h))
	}
	return all
}

func TestNothingOfTheWorkplace(t *testing.T) {
	re := foreign()
	for _, bad := range []string{"see /wo" + "rk/main", `"/t` + `mp/x"`, "a Cla" + "ude"} {
		if !re.MatchString(bad) {
			t.Fatalf("%q is not found: the test cannot fail", bad)
		}
	}
	files(t, func(path string, content []byte) {
		lower := bytes.ToLower(content)
		hinted := slices.ContainsFunc(hints(), func(h []byte) bool { return bytes.Contains(lower, h) })
		if strings.HasSuffix(path, ".sum") || !hinted {
			return
		}
		for i, line := range bytes.Split(content, []byte("\n")) {
			if m := re.Find(line); m != nil {
				t.Errorf("%s:%d holds %q: a repository must not know the machine it was written on", path, i+1, m)
			}
		}
	})
}

const maxLines = 700

func TestNoGoFileIsTooLong(t *testing.T) {
	generated := regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)
	files(t, func(path string, content []byte) {
		if !strings.HasSuffix(path, ".go") || generated.Match(content) {
			return
		}
		if n := bytes.Count(content, []byte("\n")); n > maxLines {
			t.Errorf("%s has %d lines, the most is %d: ask which second idea moved in", path, n, maxLines)
		}
	})
}
