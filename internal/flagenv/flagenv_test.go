package flagenv

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

type settings struct {
	addr  string
	wait  time.Duration
	peers int
	fsync bool
	share float64
	bytes size
}

// size stands for a program's own flag.Value with its own words.
type size int64

func (s *size) String() string { return fmt.Sprintf("%dMiB", *s) }
func (s *size) Set(v string) error {
	if _, err := fmt.Sscanf(v, "%dMiB", (*int64)(s)); err != nil {
		return errors.New("give a size such as 128MiB")
	}
	return nil
}

func newSet() (*flag.FlagSet, *settings) {
	s := &settings{bytes: 128}
	fs := flag.NewFlagSet("core serve", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.StringVar(&s.addr, "raft-addr", "127.0.0.1:8110", "`address` that Raft listens on")
	fs.DurationVar(&s.wait, "commit-wait", 2*time.Second, "longest wait for a commit")
	fs.IntVar(&s.peers, "peers", 3, "number of voters")
	fs.BoolVar(&s.fsync, "fsync", true, "fsync the log")
	fs.Float64Var(&s.share, "share", 0, "share of memory")
	fs.Var(&s.bytes, "cache-bytes", "`size` of the cache")
	return fs, s
}

func env(pairs ...string) func(string) (string, bool) {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestCommandLineWinsOverEnvironmentWinsOverDefault(t *testing.T) {
	fs, s := newSet()
	err := parse(fs, "core", []string{"--raft-addr", "a:1", "-fsync=false", "--cache-bytes=7MiB"},
		env("CORE_RAFT_ADDR", "b:2", "CORE_COMMIT_WAIT", "5s", "CORE_CACHE_BYTES", "nonsense"))
	if err != nil {
		t.Fatal(err)
	}
	want := settings{addr: "a:1", wait: 5 * time.Second, peers: 3, fsync: false, bytes: 7}
	if *s != want {
		t.Fatalf("got %+v, want %+v", *s, want)
	}
}

func TestBadSettingsAreOneLineThatNamesThem(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  func(string) (string, bool)
		want string
	}{
		{[]string{"--commit-wait", "2"}, env(), `--commit-wait "2": give a duration with its unit, such as 2s (units: ms, s, m, h)`},
		{nil, env("CORE_PEERS", "many"), `CORE_PEERS "many": give a whole number, such as 3`},
		{[]string{"--share=lots"}, env(), `--share "lots": give a number, such as 0.5`},
		{[]string{"--fsync=perhaps"}, env(), `--fsync "perhaps": give true or false`},
		{[]string{"--cache-bytes", "big"}, env(), `--cache-bytes "big": give a size such as 128MiB`},
		{[]string{"--raft-adr", "x"}, env(), `--raft-adr: there is no such flag; --help lists all of them`},
		{[]string{"--peers"}, env(), `--peers: needs a value: give a whole number, such as 3`},
		{[]string{"serve"}, env(), `argument "serve": settings are flags, written --name=value; --help lists them`},
		{[]string{"--peers", "1\n2"}, env(), `--peers "1\n2": give a whole number, such as 3`},
	} {
		fs, _ := newSet()
		err := parse(fs, "core", c.args, c.env)
		var usage *UsageError
		if !errors.As(err, &usage) {
			t.Fatalf("%q: error %v is no UsageError", c.args, err)
		}
		if err.Error() != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.args, err, c.want)
		}
		if got := ExitCode(fmt.Errorf("core: %w", err)); got != ExitBadConfig {
			t.Errorf("%q: exit code %d", c.args, got)
		}
	}
}

func TestHelpListsEveryFlagEvenWithABrokenEnvironment(t *testing.T) {
	fs, _ := newSet()
	var out bytes.Buffer
	fs.SetOutput(&out)
	err := parse(fs, "core", []string{"--help"}, env("CORE_PEERS", "many"))
	if !errors.Is(err, ErrHelp) || ExitCode(err) != ExitStopped {
		t.Fatalf("got %v, exit code %d", err, ExitCode(err))
	}
	fs.VisitAll(func(f *flag.Flag) {
		for _, part := range []string{"--" + f.Name, Env("core", f.Name), f.DefValue} {
			if !strings.Contains(out.String(), part) {
				t.Errorf("help lacks %q:\n%s", part, out.String())
			}
		}
	})
}

func TestExitCodeOfOtherErrors(t *testing.T) {
	if ExitCode(nil) != 0 || ExitCode(io.EOF) != 1 || ExitCode(Errorf("peers", "give 3 or 5")) != 2 {
		t.Fatal("exit codes are 0, 1 and 2")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("--raft-addr\x00a:1", "5s")
	f.Add("--fsync\x00--peers=2", "")
	f.Add("---\x00-=x\x00--help", "1")
	f.Fuzz(func(t *testing.T, line, value string) {
		fs, _ := newSet()
		err := parse(fs, "core", strings.Split(line, "\x00"), env("CORE_COMMIT_WAIT", value))
		var usage *UsageError
		switch {
		case err == nil, errors.Is(err, ErrHelp):
		case errors.As(err, &usage):
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Fatalf("more than one line: %q", err)
			}
		default:
			t.Fatalf("untyped error %v", err)
		}
	})
}

func TestHelpGoesToStandardOutput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	usual := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = usual }()
	fs := flag.NewFlagSet("core serve", flag.ContinueOnError)
	fs.Int("peers", 3, "how many")
	err = parse(fs, "core", []string{"--help"}, env())
	w.Close()
	out, _ := io.ReadAll(r)
	if !errors.Is(err, ErrHelp) || !strings.Contains(string(out), "--peers") {
		t.Errorf("%v, standard output %q", err, out)
	}
}
