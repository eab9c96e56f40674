package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"meridian/api"
	"meridian/internal/flagenv"
)

const membersUsage = `Usage: core members [list | <command> <id>] [flags]

  list      the members, who leads, and whether enough of them vote (the default)
  add       admit a node as a learner; a node that starts with --join does this by itself
  promote   give a learner its vote, once it has caught up
  demote    take a voter's vote; it goes on as a learner
  remove    take a learner out; stop its process afterwards
  lead      hand leadership to a voter

core members <command> --help lists the flags.
`

const membersCommands = "give one of list, add, promote, demote, remove, lead"

// members shows and changes the cluster.
func members(ctx context.Context, args []string) error {
	if wantsHelp(args) {
		fmt.Print(membersUsage)
		return flagenv.ErrHelp
	}
	command, id := "list", ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		command, args = args[0], args[1:]
	}
	if command != "list" && len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		id, args = args[0], args[1:]
	}
	c := membersCommand{FlagSet: flag.NewFlagSet("core members "+command, flag.ContinueOnError)}
	c.staff.add(c.FlagSet)
	c.BoolVar(&c.json, "json", false, "print the shop's answer as JSON")
	wait := c.Duration("wait", 0, "with promote: how long to wait for the learner to catch up")
	region, raft, apiAddr := c.String("region", "", "with add: region of the node"), c.String("raft", "", "with add: its --raft-addr as the others reach it"), c.String("api", "", "with add: its --api-addr as edges reach it")
	if err := flagenv.Parse(c.FlagSet, "CORE", args); err != nil {
		return err
	}
	const base = "/admin/api/v1/cluster"
	if command != "list" && id == "" && strings.Contains(" add promote demote remove lead ", " "+command+" ") {
		return &flagenv.UsageError{Setting: "members " + command, Want: "name the member, such as core members " + command + " core-4"}
	}
	switch command {
	case "list":
		return c.call(ctx, http.MethodGet, base, nil)
	case "add":
		if *raft == "" {
			return flagenv.Errorf("raft", "name the node's --raft-addr as the others reach it, host:port")
		}
		return c.call(ctx, http.MethodPost, base+"/members", api.MemberChange{ID: id, Address: *raft, Role: "learner", Region: *region, APIAddress: *apiAddr})
	case "promote":
		return c.promote(ctx, base, id, *wait)
	case "demote":
		return c.call(ctx, http.MethodPost, base+"/members", api.MemberChange{ID: id, Role: "learner"})
	case "remove":
		return c.call(ctx, http.MethodDelete, base+"/members/"+url.PathEscape(id), nil)
	case "lead":
		return c.call(ctx, http.MethodPost, base+"/leader", map[string]string{"id": id})
	}
	return &flagenv.UsageError{Setting: "members command", Value: command, Want: membersCommands}
}

// membersCommand is one of the commands of `core members`, with its flags.
type membersCommand struct {
	*flag.FlagSet
	staff staffFlags
	json  bool
}

// promote repeats what is refused until the learner has caught up.
func (c *membersCommand) promote(ctx context.Context, base, id string, wait time.Duration) error {
	end := time.Now().Add(wait)
	for {
		err := c.call(ctx, http.MethodPost, base+"/members", api.MemberChange{ID: id, Role: "voter"})
		var refused *shopError
		if err == nil || !errors.As(err, &refused) || refused.status != http.StatusConflict || !time.Now().Before(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

func (c *membersCommand) call(ctx context.Context, method, path string, body any) error {
	var in io.Reader
	contentType := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in, contentType = bytes.NewReader(b), "application/json"
	}
	b, err := c.staff.call(ctx, method, path, contentType, in)
	if err != nil {
		return advice(err)
	}
	var v api.Cluster
	if err := json.Unmarshal(b, &v); err != nil {
		return fmt.Errorf("read the shop's answer: %w", err)
	}
	if c.json {
		_, err = os.Stdout.Write(append(bytes.TrimSpace(b), '\n'))
		return errors.Join(err, undecided(v))
	}
	printMembers(os.Stdout, v)
	return undecided(v)
}

// advice says where to look on when the shop cannot decide.
func advice(err error) error {
	var refused *shopError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.status == http.StatusServiceUnavailable {
		return fmt.Errorf("%w core members shows which cores answer; if it cannot either, ask another edge (--shop) and look at the cores' /readyz", err)
	}
	return err
}

// undecided says what to do when the view is not a leader's.
func undecided(v api.Cluster) error {
	if v.SeenBy == "" {
		return nil
	}
	counts := fmt.Sprintf("%d of %d voters answer %s, and a majority of %d is needed", v.LiveVoters, v.Voters, v.SeenBy, v.Quorum)
	var silent []string
	for _, m := range v.Members {
		if m.Role == "voter" && !m.Healthy {
			silent = append(silent, m.ID)
		}
	}
	switch {
	case v.Leader != "":
		return fmt.Errorf("the leader does not answer this edge: for %s it is %s; %s. Ask again in a moment; if it stays so, look whether the edge reaches %s (--cores), or ask another edge (--shop)", v.SeenBy, v.Leader, counts, v.Leader)
	case v.LiveVoters >= v.Quorum:
		return fmt.Errorf("no leader: %s. An election may be under way: ask again in a moment; if it stays so, the logs of these cores say why", counts)
	}
	return fmt.Errorf("no leader: %s, so nothing can be sold or changed. Start %s again, on the data it had; docs/OPERATIONS.md, When a node is lost, says what else there is", counts, strings.Join(silent, " or "))
}

// behindFrom is from how many entries on a member is shown as behind: some are always on their way.
const behindFrom = 256

func printMembers(w io.Writer, v api.Cluster) {
	newest := uint64(0)
	for _, m := range v.Members {
		newest = max(newest, m.AppliedIndex)
	}
	fmt.Fprintf(w, "%-12s %-8s %-8s %-22s %-22s %10s %8s %s\n", "id", "region", "role", "raft", "api", "applied", "lag ms", "state")
	for _, m := range v.Members {
		state := "healthy"
		applied, lag := strconv.FormatUint(m.AppliedIndex, 10), strconv.FormatInt(m.LagMS, 10)
		if v.SeenBy != "" {
			lag = "?"
		}
		if v.SeenBy != "" && v.SeenBy != m.ID {
			applied = "?"
		}
		behind := newest - m.AppliedIndex
		switch {
		case !m.Healthy:
			state = "DOES NOT ANSWER"
		case v.SeenBy == m.ID:
			state = "was asked"
		case v.SeenBy != "":
			state = "answers " + v.SeenBy
		case behind >= behindFrom:
			state = fmt.Sprintf("catching up, %d entries behind", behind)
		}
		if m.ID == v.Leader {
			state += ", leads"
		}
		fmt.Fprintf(w, "%-12s %-8s %-8s %-22s %-22s %10s %8s %s\n", m.ID, m.Region, m.Role, m.Address, m.APIAddress, applied, lag, state)
	}
	if v.SeenBy != "" {
		return
	}
	fmt.Fprintf(w, "%d of %d voters answer, %d are needed", v.LiveVoters, v.Voters, v.Quorum)
	if spare := v.LiveVoters - v.Quorum; spare == 0 {
		fmt.Fprint(w, ": THE LOSS OF ONE MORE STOPS THE SHOP")
	}
	fmt.Fprintln(w)
}
