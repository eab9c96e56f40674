package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"meridian/api/coreclient"
	"meridian/core"
	"meridian/internal/flagenv"
	"meridian/internal/nodetls"
	"meridian/replication"
)

// options are the settings of `core serve`.
type options struct {
	id, region, data              string
	apiAddr, raftAddr, opsAddr    string
	raftAdvertise                 string
	tokenFile, keyring, staffFile string
	paymentsURL, smtpAddr, from   string
	shopURL                       string
	rtt, heartbeat, election      time.Duration
	tls                           nodetls.Settings
	snapshotThreshold             int
	raftLog                       string
	checkpoint                    time.Duration
	dirtyMax                      flagenv.Bytes
	snapshotTrailing              int
	snapshotInterval              time.Duration
	backup                        backupFlags
	peers                         []replication.Member
	apis                          map[string]string
	join                          []coreclient.Node
	apiAdvertise                  string
	token                         string
	staff                         []core.Staff
}

func parseOptions(args []string) (options, error) {
	o := options{dirtyMax: 256 << 20}
	var peers, join string
	fs := flag.NewFlagSet("core serve", flag.ContinueOnError)
	fs.StringVar(&o.id, "id", "core-1", "name of this node, unique for the life of the cluster")
	fs.StringVar(&o.region, "region", "local", "region this node is in")
	fs.StringVar(&o.data, "data", "data/core", "directory for the log, the state and snapshots")
	fs.StringVar(&o.apiAddr, "api-addr", "127.0.0.1:8100", "where edges call")
	fs.StringVar(&o.raftAddr, "raft-addr", "127.0.0.1:8110", "where the other nodes call")
	fs.StringVar(&o.raftAdvertise, "raft-advertise", "", "address by which the other nodes reach --raft-addr, if that is another; host:port")
	fs.StringVar(&o.opsAddr, "ops-addr", "127.0.0.1:8120", "metrics and health; never public")
	fs.StringVar(&peers, "peers", "", "the first members, id=region@raft-addr@api-addr separated by commas; empty: this node alone")
	fs.StringVar(&join, "join", "", "cores of a running cluster, id=region@api-host:port separated by commas: become a learner of it; with --peers empty")
	fs.StringVar(&o.apiAdvertise, "api-advertise", "", "address by which edges and cores reach --api-addr, if that is another; host:port")
	fs.StringVar(&o.tokenFile, "cluster-token-file", "", "file with the secret that edges and nodes share, at least 16 characters")
	fs.StringVar(&o.keyring, "keyring", "", "key ring that seals personal data, the same on every node; the first node of a new shop makes it")
	fs.StringVar(&o.staffFile, "staff-file", "", "JSON list of {email,role,password,token} to create once; roles are merchandiser and operator")
	fs.StringVar(&o.paymentsURL, "payments-url", "http://127.0.0.1:8150", "the payment provider")
	fs.StringVar(&o.smtpAddr, "smtp-addr", "", "SMTP server for order mails, host:port; empty: no mail is sent")
	fs.StringVar(&o.from, "mail-from", "shop@meridian.example", "sender of the mails")
	fs.StringVar(&o.shopURL, "shop-url", "http://127.0.0.1:8080", "where links in mails lead")
	fs.DurationVar(&o.rtt, "rtt", 0, "round trip added between nodes, to feel distance on one machine")
	fs.DurationVar(&o.heartbeat, "heartbeat", 1500*time.Millisecond, "how long a leader may be silent; at least ten times the largest round trip")
	fs.DurationVar(&o.election, "election", 0, "how long an election may take before another begins, at least --heartbeat; 0: the same")
	fs.IntVar(&o.snapshotThreshold, "snapshot-threshold", 8192, "log entries between two snapshots")
	fs.IntVar(&o.snapshotTrailing, "snapshot-trailing", 10240, "log entries kept behind a snapshot, for members that come back; further behind, they get the whole state")
	fs.DurationVar(&o.snapshotInterval, "snapshot-interval", 20*time.Second, "how often the need of a snapshot is looked at")
	o.tls.Add(fs)
	fs.StringVar(&o.raftLog, "raft-log", string(replication.LogBolt), "what keeps the log: boltdb, or wal, which syncs once an append instead of twice and is experimental; a data directory stays with what it began with")
	fs.DurationVar(&o.checkpoint, "checkpoint", time.Second, "how often changed state is written to its file; until then it is in the log, which is read again after a crash")
	fs.Var(&o.dirtyMax, "dirty-max", "`size` of the changes that may wait for a checkpoint; beyond it commands wait for one")
	o.backup.add(fs)
	if err := flagenv.Parse(fs, "CORE", args); err != nil {
		return o, err
	}
	return o, o.complete(peers, join)
}

// complete checks the settings and reads the files they name.
func (o *options) complete(peers, join string) error {
	if err := o.named(); err != nil {
		return err
	}
	if err := o.parsePeers(peers, join); err != nil {
		return err
	}
	if err := o.parseJoin(join); err != nil {
		return err
	}
	if err := o.consistent(); err != nil {
		return err
	}
	if o.heartbeat < 100*time.Millisecond {
		return flagenv.Errorf("heartbeat", "give at least 100ms")
	}
	if o.election == 0 {
		o.election = o.heartbeat
	}
	if o.election < o.heartbeat {
		return flagenv.Errorf("election", "give at least --heartbeat, %v", o.heartbeat)
	}
	if o.snapshotThreshold < 16 {
		return flagenv.Errorf("snapshot-threshold", "give at least 16")
	}
	if k := replication.LogKind(o.raftLog); k != replication.LogBolt && k != replication.LogWAL {
		return flagenv.Errorf("raft-log", "give %s or %s", replication.LogBolt, replication.LogWAL)
	}
	if o.checkpoint < time.Millisecond {
		return flagenv.Errorf("checkpoint", "give at least 1ms; the default, 1s, suits most")
	}
	if o.dirtyMax < 1<<20 {
		return flagenv.Errorf("dirty-max", "give at least 1MiB")
	}
	if o.snapshotTrailing < 1 {
		return flagenv.Errorf("snapshot-trailing", "give at least 1")
	}
	if o.snapshotInterval < 10*time.Millisecond {
		return flagenv.Errorf("snapshot-interval", "give at least 10ms")
	}
	if o.tokenFile == "" {
		return flagenv.Errorf("cluster-token-file", "name a file with a secret of at least 16 characters, the same on every core and edge")
	}
	b, err := os.ReadFile(o.tokenFile)
	if err != nil {
		return flagenv.Errorf("cluster-token-file", "cannot be read: %v", err)
	}
	if o.token = strings.TrimSpace(string(b)); len(o.token) < 16 {
		return flagenv.Errorf("cluster-token-file", "holds fewer than 16 characters; write a long random secret into it")
	}
	if o.keyring == "" {
		return flagenv.Errorf("keyring", "name the key ring file; the first core of a new shop makes it, then copy it to the others")
	}
	if o.staffFile == "" {
		return nil
	}
	if b, err = os.ReadFile(o.staffFile); err == nil {
		err = json.Unmarshal(b, &o.staff)
	}
	if err != nil {
		return flagenv.Errorf("staff-file", "cannot be read as a JSON list of {email,role,password,token}: %v", err)
	}
	return nil
}

// named checks the name of the node, which a certificate must be able to hold.
func (o *options) named() error {
	if err := (nodetls.Identity{Role: nodetls.RoleCore, Name: o.id}).Validate(); err != nil {
		return flagenv.Errorf("id", "%q cannot be the name of a node: give 1 to 63 of a-z, 0-9 and -, such as core-4", o.id)
	}
	return nil
}

// parseJoin reads the cores of the cluster to join.
func (o *options) parseJoin(join string) error {
	if o.apiAdvertise != "" {
		o.apis[o.id] = o.apiAdvertise
	}
	if join == "" {
		return nil
	}
	for _, c := range strings.Split(join, ",") {
		id, rest, ok := strings.Cut(strings.TrimSpace(c), "=")
		region, addr, ok2 := strings.Cut(rest, "@")
		if _, _, err := net.SplitHostPort(addr); err != nil || !ok || !ok2 || id == "" || region == "" {
			return flagenv.Errorf("join", "%q is not id=region@api-host:port", c)
		}
		o.join = append(o.join, coreclient.Node{ID: id, Region: region, Addr: addr})
	}
	if o.apis[o.id] == "" {
		o.apis[o.id] = o.apiAddr
	}
	for name, addr := range map[string]string{"api-advertise": o.apis[o.id], "raft-advertise": cmp.Or(o.raftAdvertise, o.raftAddr)} {
		if host, _, err := net.SplitHostPort(addr); err != nil || host == "" || net.ParseIP(host).IsUnspecified() {
			return flagenv.Errorf(name, "name the address by which the others reach this node, host:port")
		}
	}
	return nil
}

// secure reads the certificates. Without any it refuses addresses off this machine.
func (o *options) secure(log *slog.Logger) (*nodetls.Source, error) {
	addresses := []nodetls.Address{{Flag: "api-addr", Addr: o.apiAddr}, {Flag: "raft-addr", Addr: o.raftAddr}, {Flag: "raft-advertise", Addr: o.raftAdvertise}}
	for _, p := range o.peers {
		addresses = append(addresses, nodetls.Address{Flag: "peers", Addr: p.Addr}, nodetls.Address{Flag: "peers", Addr: o.apis[p.ID]})
	}
	for _, j := range o.join {
		addresses = append(addresses, nodetls.Address{Flag: "join", Addr: j.Addr})
	}
	addresses = append(addresses, nodetls.Address{Flag: "api-advertise", Addr: o.apiAdvertise})
	src, err := o.tls.Open(nodetls.Identity{Role: nodetls.RoleCore, Name: o.id}, addresses, log)
	if bad := (*nodetls.Refusal)(nil); errors.As(err, &bad) {
		return nil, flagenv.Errorf(bad.Flag, "%s", bad.Want)
	}
	return src, err
}
