package flagenv

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func fileFlags() (*flag.FlagSet, *string, *int, *time.Duration) {
	fs := flag.NewFlagSet("core serve", flag.ContinueOnError)
	fs.String("settings", "", "file")
	return fs, fs.String("raft-addr", "none", "host:port"), fs.Int("conns", 10, "how many"), fs.Duration("wait", time.Second, "how long")
}

func settingsFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The command line wins over the environment, which wins over the file, which wins over defaults.
func TestRanks(t *testing.T) {
	fs, addr, conns, wait := fileFlags()
	path := settingsFile(t, "# limits\n\n  ; more\nCORE_RAFT_ADDR=file\nCORE_CONNS = \"30\"\n")
	if _, err := parseFile(fs, "CORE", []string{"--settings", path}, "settings", none); err == nil || !strings.Contains(err.Error(), path+":5") {
		t.Errorf("a space before =: %v", err)
	}
	path = settingsFile(t, "# limits\n\n  ; more\nCORE_RAFT_ADDR=file\r\nCORE_CONNS=\"30\"\nCORE_WAIT=3s")
	env := func(name string) (string, bool) {
		if name == "CORE_CONNS" {
			return "20", true
		}
		return "", false
	}
	fs, addr, conns, wait = fileFlags()
	s, err := parseFile(fs, "CORE", []string{"--raft-addr=flag", "--settings", path}, "settings", env)
	if err != nil || *addr != "flag" || *conns != 20 || *wait != 3*time.Second || !slices.Equal(s.Overruled, []string{"conns", "raft-addr"}) {
		t.Errorf("%s %d %v %v %v", *addr, *conns, *wait, s.Overruled, err)
	}
	fs, addr, conns, wait = fileFlags()
	env = func(name string) (string, bool) { return path, name == "CORE_SETTINGS" }
	if _, err = parseFile(fs, "CORE", nil, "settings", env); err != nil || *addr != "file" || *conns != 30 {
		t.Errorf("named by the environment: %s %d %v", *addr, *conns, err)
	}
	err = s.Blame(Errorf("wait", "give less"))
	if want := path + ":6: CORE_WAIT: give less"; err.Error() != want || ExitCode(err) != ExitBadConfig {
		t.Errorf("%v, want %s", err, want)
	}
	if err = s.Blame(Errorf("raft-addr", "give another")); err.Error() != "--raft-addr: give another" {
		t.Error(err)
	}
}

func none(string) (string, bool) { return "", false }

// Each mistake is one line that says where it is.
func TestBadSettingsFiles(t *testing.T) {
	for text, want := range map[string]string{
		"CORE_CONNS=3\nCORE_CONNS=4": ":2: CORE_CONNS: is set in line 1 already", "\nCORE_CONNS=many": ":2: CORE_CONNS \"many\": give a whole number", "CORE_COLOUR=red": ":1: CORE_COLOUR: there is no such setting",
		"conns=3": ":1: conns: there is no such setting", "CORE_CONNS": ":1 \"CORE_CONNS\": give NAME=VALUE", "=3": "give NAME=VALUE", "export CORE_CONNS=3": "there is no such setting",
		"CORE_SETTINGS=/etc/other": "cannot name another one", "CORE_RAFT_ADDR=\"a": "quote is not closed", "CORE_RAFT_ADDR=\"": "quote is not closed", `CORE_RAFT_ADDR="a"b"`: "neither quotes", `CORE_RAFT_ADDR=a\`: "next line",
	} {
		fs, _, _, _ := fileFlags()
		_, err := parseFile(fs, "CORE", []string{"--settings", settingsFile(t, text)}, "settings", none)
		if ExitCode(err) != ExitBadConfig || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), settingsFile(t, strings.Repeat("#\n", settingsMax))} {
		fs, _, _, _ := fileFlags()
		if _, err := parseFile(fs, "CORE", []string{"--settings", path}, "settings", none); ExitCode(err) != ExitBadConfig || !strings.Contains(err.Error(), "--settings") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
