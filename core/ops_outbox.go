package core

import "github.com/prometheus/client_golang/prometheus"

// outboxLag tells how far each consumer of the outbox is behind.
type outboxLag struct {
	m    *Machine
	desc *prometheus.Desc
}

var _ prometheus.Collector = outboxLag{}

func newOutboxLag(m *Machine) outboxLag {
	return outboxLag{m, prometheus.NewDesc("meridian_core_outbox_lag", "Outbox entries that a consumer has not acknowledged.", []string{"consumer"}, nil)}
}

// Describe implements prometheus.Collector.
func (l outboxLag) Describe(ch chan<- *prometheus.Desc) { ch <- l.desc }

// Collect implements prometheus.Collector.
func (l outboxLag) Collect(ch chan<- prometheus.Metric) {
	l.m.db.View(func() {
		l.m.everyConsumer(func(name string, rec consumerRec) {
			ch <- prometheus.MustNewConstMetric(l.desc, prometheus.GaugeValue, float64(l.m.consumer(name, rec).Lag), name)
		})
	})
}
