// Package consumer runs the example consumer of the outbox as a process of its own against a whole
// shop, and kills it.
package consumer

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/api"
	"meridian/internal/cluster"
	"meridian/test/scenario"
)

// entries reads the whole lines of the consumer's file.
func entries(t *testing.T, path string) (all []api.OutboxEntry) {
	t.Helper()
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return all // what is behind the last line break may be torn
		}
		var e api.OutboxEntry
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		all = append(all, e)
	}
}

// TestConsumerSurvivesKills buys while the consumer is killed again and again, at moments that the seed
// chooses: every order is in its file once, and in the order in which things happened.
func TestConsumerSurvivesKills(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 9))
	dir := t.TempDir()
	program, file := filepath.Join(dir, "consumer"), filepath.Join(dir, "orders.jsonl")
	if out, err := exec.Command("go", "build", "-o", program, "meridian/examples/consumer").CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v\n%s", err, out)
	}
	c := cluster.Start(t, cluster.Options{})
	s := scenario.New(t, c.Edges(), c.Provider, cluster.StaffToken, cluster.OperatorToken)
	start := func() *exec.Cmd {
		t.Helper()
		cmd := exec.Command(program, "-shop", s.Edge(0), "-file", file, "-name", "erp", "-limit", "3", "-pause", "20ms")
		cmd.Env = append(os.Environ(), "CONSUMER_TOKEN="+cluster.OperatorToken)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	kill := func(cmd *exec.Cmd) {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait()
	}
	s.PutProduct("queue", "Q-1", 500, 1000)
	const kills, orders = 6, 30
	var want []string
	cmd := start()
	for i := range orders {
		cart := s.CartWith(i, "Q-1", 1)
		o := scenario.Must[api.Order](s, s.Checkout(i, cart.ID, fmt.Sprintf("q-%d-%d", seed, i), "tok_ok"))
		want = append(want, o.ID)
		if i%(orders/kills) == orders/kills-1 {
			seen := len(entries(t, file))
			if rnd.IntN(2) == 0 { // in the middle of a slice that has just come, or wherever it is
				cluster.Eventually(t, "the consumer to write", func() bool { return len(entries(t, file)) > seen || len(entries(t, file)) == len(want) })
			}
			kill(cmd)
			cmd = start()
		}
	}
	cluster.Eventually(t, "every order to be in the file", func() bool { return len(entries(t, file)) >= orders })
	kill(cmd)
	got := entries(t, file)
	var ids []string
	for i, e := range got {
		if i > 0 && e.Seq <= got[i-1].Seq {
			t.Errorf("entry %d came after %d", e.Seq, got[i-1].Seq)
		}
		if e.Type == "order_placed" {
			ids = append(ids, e.Order.ID)
		}
	}
	if fmt.Sprint(ids) != fmt.Sprint(want) {
		t.Errorf("the file holds %v\nwant %v", ids, want)
	}
}

// TestConsumerGivesUp: what will be refused for ever ends the consumer, with what to change.
func TestConsumerGivesUp(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "consumer")
	if out, err := exec.Command("go", "build", "-o", program, "meridian/examples/consumer").CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v\n%s", err, out)
	}
	c := cluster.Start(t, cluster.Options{})
	for _, try := range []struct{ token, name, limit, says string }{
		{"nobody's", "erp", "3", "set CONSUMER_TOKEN"}, {cluster.OperatorToken, "erp", "1000000", "look at the settings"}, {cluster.OperatorToken, "analytics", "3", "403"}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, program, "-shop", c.Edges()[0], "-file", filepath.Join(dir, "orders.jsonl"), "-name", try.name, "-limit", try.limit, "-pause", "20ms")
		cmd.Env = append(os.Environ(), "CONSUMER_TOKEN="+try.token)
		out, err := cmd.CombinedOutput()
		cancel()
		if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(string(out), try.says) {
			t.Errorf("%+v: %v\n%s", try, err, out)
		}
	}
}

// TestUnacknowledgedComesAgain: a slice that was read and not acknowledged is the same for whoever
// asks next, at any edge, and moves on once it is.
func TestUnacknowledgedComesAgain(t *testing.T) {
	c := cluster.Start(t, cluster.Options{})
	s := scenario.New(t, c.Edges(), c.Provider, cluster.StaffToken, cluster.OperatorToken)
	url := func(edge int, path string) string { return s.Edge(edge) + "/admin/api/v1/outbox" + path }
	read := func(edge int) api.OutboxPage {
		t.Helper()
		return scenario.Must[api.OutboxPage](s, scenario.Request{Method: "GET", URL: url(edge, "?consumer=erp&limit=2"), Token: s.Operator})
	}
	scenario.Must[api.OutboxConsumer](s, scenario.Request{Method: "PUT", URL: url(0, "/consumers/erp"), Token: s.Staff})
	s.PutProduct("again", "A-1", 500, 10)
	for i := range 3 {
		scenario.Must[api.Order](s, s.Checkout(i, s.CartWith(i, "A-1", 1).ID, fmt.Sprintf("again-%d", i), "tok_ok"))
	}
	first := read(0)
	if len(first.Entries) != 2 || first.Lag != 3 {
		t.Fatalf("%+v", first)
	}
	leader := c.Leader() // the next leader gives out the same slice
	c.StopCore(leader)
	second := read(1)
	if second.Slice != first.Slice || len(second.Entries) != 2 || second.Entries[0].Order.ID != first.Entries[0].Order.ID {
		t.Errorf("first %+v, again %+v", first, second)
	}
	c.StartCore(leader)
	scenario.Must[api.OutboxConsumer](s, scenario.Request{Method: "POST", URL: url(2, "/ack"), Token: s.Operator, Body: map[string]any{"consumer": "erp", "slice": first.Slice}})
	if third := read(2); len(third.Entries) != 1 || third.Entries[0].Seq != first.Entries[1].Seq+1 {
		t.Errorf("%+v", third)
	}
	if _, err := s.Do(t.Context(), scenario.Request{Method: "DELETE", URL: url(0, "/consumers/erp"), Token: s.Staff}, nil); err != nil {
		t.Error(err)
	}
}
