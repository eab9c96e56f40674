//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sort"
	"strings"
)

// Fault is something that goes wrong in a round.
type Fault struct {
	Name string
	// What says it in the report.
	What string
	// shape changes how the cluster of the round is built.
	shape func(*shape)
	// run injects, waits and heals. It returns an error only if it could not do so, or if what has to
	// follow from the fault did not.
	run func(*round) error
	// needs are what the machine must offer.
	needs need
	// exits: a core may end by itself, and is started again.
	exits bool
	// alone: no second fault goes with it.
	alone bool
}

type need uint8

const (
	needSpaces need = 1 << iota
	needStrace
	needMounts
)

// Faults are all faults, in the order of the report.
func Faults() []Fault {
	return []Fault{
		{Name: "kill-leader", What: "kill -9 of the leader", run: killLeader},
		{Name: "kill-follower", What: "kill -9 of a follower", run: killFollower},
		{Name: "kill-all", What: "kill -9 of every core at once", run: killAll},
		{Name: "pause-leader", What: "SIGSTOP of the leader, exact reads to it as it wakes", run: pauseLeader},
		{Name: "cut-leader", What: "the leader is cut from the others, clients still reach it", run: cutLeader, needs: needSpaces},
		{Name: "cut-follower", What: "a follower is cut from everybody", run: cutFollower, needs: needSpaces},
		{Name: "deaf-leader", What: "the leader hears nobody, but is heard", run: deafLeader, needs: needSpaces},
		{Name: "mute-leader", What: "nobody hears the leader, but it hears", run: muteLeader, needs: needSpaces},
		{Name: "split", What: "five cores, the leader with one of them on the smaller side", run: split, needs: needSpaces, shape: five},
		{Name: "loss", What: "30 % of the packets between cores are lost", run: loss, needs: needSpaces},
		{Name: "far", What: "60 ms round trips between cores, and the leader killed", run: killLeader, shape: far},
		{Name: "fsync-error", What: "one fsync of a core answers EIO", run: fsyncError, needs: needStrace, exits: true, alone: true},
		{Name: "fsync-slow", What: "every fsync of the leader takes 200 ms longer", run: fsyncSlow, needs: needStrace},
		{Name: "disk-full", What: "the disk of a core is full for a while", run: diskFull, needs: needMounts, exits: true, shape: func(s *shape) { s.disk = diskSmall }},
		{Name: "power-cut", What: "all cores lose power: what was not synced is lost", run: powerCut, needs: needMounts, alone: true, shape: func(s *shape) { s.disk = diskImage }},
		{Name: "power-snapshots", What: "the same, while snapshots are written and a core is sent one", run: powerSnapshots, needs: needMounts, alone: true,
			shape: func(s *shape) { s.disk, s.snapshots = diskImage, true }},
		{Name: "members", What: "five cores; votes are taken and given, a core is removed", run: changeMembers, shape: five, alone: true},
		{Name: "transfer", What: "leadership is handed on, again and again", run: transfer},
		{Name: "snapshots", What: "a snapshot each 24 entries; a core comes back too far behind for the log", run: fallBehind, shape: func(s *shape) { s.snapshots = true }},
		{Name: "storm", What: "five cores, frequent snapshots, and six of the faults above one upon the other", run: storm, needs: needSpaces, alone: true,
			shape: func(s *shape) { s.nodes, s.snapshots = 5, true }},
	}
}

// Choose finds faults by their names, separated by commas; empty means all.
func Choose(names string) ([]Fault, error) {
	all := Faults()
	if names == "" {
		return all, nil
	}
	var out []Fault
	for _, name := range strings.Split(names, ",") {
		i := slices.IndexFunc(all, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			var known []string
			for _, f := range all {
				known = append(known, f.Name)
			}
			return nil, fmt.Errorf("there is no fault %q; there are %s", name, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// offers is what this machine has for faults.
func offers() (have need, missing []string) {
	look := func(n need, err error, what string) {
		if err == nil {
			have |= n
			return
		}
		missing = append(missing, fmt.Sprintf("%s (%v)", what, err))
	}
	look(needSpaces, trySpaces(), "network namespaces")
	look(needStrace, tryPrograms("strace"), "strace")
	look(needMounts, errors.Join(tryRoot(), tryPrograms("mount", "mkfs.ext4")), "mounts")
	sort.Strings(missing)
	return have, missing
}

// Missing says what this machine lacks for any of these faults; empty: nothing.
func Missing(faults []Fault) string {
	have, missing := offers()
	for _, f := range faults {
		if f.needs&^have != 0 {
			return strings.Join(missing, "; ")
		}
	}
	return ""
}

func tryPrograms(names ...string) error {
	for _, n := range names {
		if _, err := exec.LookPath(n); err != nil {
			return err
		}
	}
	return nil
}

func tryRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("needs root")
	}
	return nil
}

// trySpaces builds a network and cuts it, as a round would.
func trySpaces() error {
	if err := errors.Join(tryRoot(), tryPrograms("ip", "iptables")); err != nil {
		return err
	}
	n, err := newNetwork(2)
	if err != nil {
		return err
	}
	defer n.close()
	return errors.Join(n.part([]int{0}, []int{1}), n.lose(30), n.heal())
}
