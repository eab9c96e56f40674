package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/flagenv"
)

func TestBadSettingsNameTheirFlag(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	token, short := write("token", "a secret of more than sixteen\n"), write("short", "short")
	ring, badRing := filepath.Join(dir, "ring"), write("bad-ring", "{")
	for want, args := range map[string]string{
		"command":              "",
		"--cluster-token-file": "serve",
		"fewer than 16":        "serve --cluster-token-file " + short,
		"--keyring":            "serve --cluster-token-file " + token + " --keyring " + badRing,
		"name the key ring":    "serve --cluster-token-file " + token,
		"--peers":              "serve --peers core-1",
		"does not name this":   "serve --peers other=eu@127.0.0.1:1@127.0.0.1:2",
		"--heartbeat":          "serve --heartbeat 1ms",
		"--snapshot-threshold": "serve --snapshot-threshold 1",
		"--snapshot-trailing":  "serve --snapshot-trailing -1",
		"--snapshot-interval":  "serve --snapshot-interval 1ms",
		"--rtt":                "serve --rtt far",
		"--election":           "serve --heartbeat 2s --election 1s",
		"--api-addr":           "serve --cluster-token-file " + token + " --keyring " + ring + " --api-addr :8100",
		"another core":         "serve --cluster-token-file " + token + " --keyring " + filepath.Join(dir, "absent") + " --id core-2 --join core-1=eu@127.0.0.1:1",
		"--raft-addr":          "serve --cluster-token-file " + token + " --keyring " + ring + " --raft-addr 10.0.0.1:8110",
		"--raft-advertise":     "serve --cluster-token-file " + token + " --keyring " + ring + " --raft-advertise core.example:8110",
		"never plain":          "serve --raft-addr 127.0.0.1:1 --cluster-token-file " + token + " --keyring " + ring + " --peers core-1=eu@127.0.0.1:1@127.0.0.1:2,b=us@10.0.0.2:1@127.0.0.1:3",
		"--tls-cert":           "serve --cluster-token-file " + token + " --keyring " + ring + " --tls-key " + token,
		"--tls-ca":             "serve --cluster-token-file " + token + " --keyring " + ring + " --tls-cert a --tls-key b --tls-ca " + filepath.Join(dir, "nothing"),
		"ca command":           "ca sell",
		"core ca init":         "ca token --name a --dir " + dir,
		"--url":                "ca renew",
		"--token":              "ca request --url https://127.0.0.1:1 --token nonsense",
		"--raft-log":           "serve --raft-log paper",
		"--checkpoint":         "serve --checkpoint 0s",
		"--dirty-max":          "serve --dirty-max 4096",
		"--staff-file":         "serve --cluster-token-file " + token + " --keyring " + ring + " --staff-file " + badRing,
		"--payments-url":       "serve --cluster-token-file " + token + " --keyring " + ring + " --payments-url nowhere",
		"--smtp-addr":          "serve --cluster-token-file " + token + " --keyring " + ring + " --smtp-addr nowhere",
		"--data":               "check --data " + filepath.Join(dir, "nothing"),
		"--file":               "import --file " + filepath.Join(dir, "nothing"),
		"--from":               "restore --data " + filepath.Join(dir, "restored"),
		"give one of":          "sell",
		"--no-such":            "serve --no-such",
	} {
		err := run(context.Background(), strings.Fields(args))
		if flagenv.ExitCode(err) != flagenv.ExitBadConfig || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("core %s: %v (exit %d), want one line with %q and exit 2", args, err, flagenv.ExitCode(err), want)
		}
	}
}

func TestHelpEndsWell(t *testing.T) {
	for _, args := range []string{"--help", "serve --help", "check --help", "restore --help", "import --help", "members --help", "ca --help", "ca init --help", "ca request --help"} {
		if err := run(context.Background(), strings.Fields(args)); flagenv.ExitCode(err) != flagenv.ExitStopped {
			t.Errorf("core %s: %v", args, err)
		}
	}
}
