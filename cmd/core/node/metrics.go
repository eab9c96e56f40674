package node

import (
	"github.com/prometheus/client_golang/prometheus"

	"meridian/internal/nodetls"
	"meridian/replication"
)

// collectors show a node's replication to Prometheus.
func collectors(node *replication.Node, identity *nodetls.Source) []prometheus.Collector {
	gauge := func(name, help string, fn func(replication.Status) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_raft_" + name, Help: help}, func() float64 { return fn(node.Status()) })
	}
	counter := func(name, help string, fn func(replication.Stats) uint64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "meridian_raft_" + name, Help: help}, func() float64 { return float64(fn(node.Stats())) })
	}
	list := []prometheus.Collector{
		counter("batches_total", "Log entries this node proposed.", func(s replication.Stats) uint64 { return s.Batches }),
		counter("commands_total", "Commands in them.", func(s replication.Stats) uint64 { return s.Commands }),
		gauge("term", "Current term.", func(s replication.Status) float64 { return float64(s.Term) }),
		gauge("commit_index", "Highest committed index known.", func(s replication.Status) float64 { return float64(s.CommitIndex) }),
		gauge("members", "Members of the cluster.", func(s replication.Status) float64 { return float64(len(s.Members)) }),
		gauge("last_contact_seconds", "Time since the leader was last heard; 0 on the leader, -1 if never.", func(s replication.Status) float64 { return s.LastContact.Seconds() }),
	}
	if identity != nil {
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_tls_certificate_expires_seconds", Help: "Unix time at which this node's certificate ends."},
			func() float64 { return float64(identity.Expires().Unix()) }))
	}
	return list
}
