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
		gauge("voters", "Members with a vote.", func(s replication.Status) float64 { v, _ := voters(s); return float64(v) }),
		gauge("live_voters", "Voters that answer, as the leader sees it; -1 on the others.", func(s replication.Status) float64 { _, live := voters(s); return float64(live) }),
		perMember{node},
		gauge("last_contact_seconds", "Time since the leader was last heard; 0 on the leader, -1 if never.", func(s replication.Status) float64 { return s.LastContact.Seconds() }),
	}
	if identity != nil {
		list = append(list, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "meridian_tls_certificate_expires_seconds", Help: "Unix time at which this node's certificate ends."},
			func() float64 { return float64(identity.Expires().Unix()) }))
	}
	return list
}

// voters counts the voters, and those that answer, -1 where that is not known.
func voters(s replication.Status) (all, live int) {
	for _, m := range s.Members {
		if m.Role == replication.RoleVoter {
			all++
			if m.Alive {
				live++
			}
		}
	}
	if s.State != "leader" {
		live = -1
	}
	return all, live
}

// perMember shows what the leader knows of each member; the others show nothing.
type perMember struct{ node *replication.Node }

var (
	memberUp      = prometheus.NewDesc("meridian_raft_member_up", "1 if the member answers the leader, else 0; on the leader only.", []string{"member", "region", "role"}, nil)
	memberContact = prometheus.NewDesc("meridian_raft_member_contact_seconds", "Time since the member answered the leader, -1 if never; on the leader only.", []string{"member", "region", "role"}, nil)
	memberIndex   = prometheus.NewDesc("meridian_raft_member_index", "Last index of the member's log; on the leader only.", []string{"member", "region", "role"}, nil)
)

// Describe implements prometheus.Collector.
func (perMember) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{memberUp, memberContact, memberIndex} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (p perMember) Collect(out chan<- prometheus.Metric) {
	s := p.node.Status()
	if s.State != "leader" {
		return
	}
	for _, m := range s.Members {
		up, contact := 0.0, -1.0
		if m.Alive {
			up = 1
		}
		if m.LastContact >= 0 {
			contact = m.LastContact.Seconds()
		}
		for d, v := range map[*prometheus.Desc]float64{memberUp: up, memberContact: contact, memberIndex: float64(m.LastIndex)} {
			out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, m.ID, m.Region, string(m.Role))
		}
	}
}
