package main

import "os"

// services are the things bought, not built: they come up before the cores.
func (d *demo) services() []spec {
	o, p := d.opts, d.opts.ports
	// The secret was made by openDirectory; a file that cannot be read shows as an S3 server that refuses.
	secret, _ := readSecret(d.dir.secret("s3.secret"))
	for _, dir := range []string{"objects", "meta"} {
		_ = os.MkdirAll(o.path("data", "s3", dir), 0o700)
	}
	all := []spec{
		{name: "s3", path: d.bins.s3, ready: "http://" + p.s3() + "/health",
			env: []string{"ROOT_ACCESS_KEY=" + s3AccessKey, "ROOT_SECRET_KEY=" + secret},
			// The sidecar keeps metadata in files, for file systems without extended attributes.
			args: []string{"--port", p.s3(), "--health", "/health", "--quiet", "posix", "--sidecar", o.path("data", "s3", "meta"), o.path("data", "s3", "objects")}},
		{name: "payments", path: d.bins.bin("payments"), ready: "http://" + p.payments() + "/healthz",
			args: []string{"--addr", p.payments(), "--data", o.path("data", "payments")}},
		{name: "mailbox", path: d.bins.bin("mailbox"), ready: "http://" + p.mailPage() + "/healthz",
			args: []string{"--addr", p.mailPage(), "--smtp-addr", p.smtp(), "--data", o.path("data", "mailbox")}},
	}
	if d.analytics() {
		all = append(all, spec{name: "clickhouse", path: d.bins.bin("clickhouse"), ready: "http://" + p.clickhouse() + "/ping",
			args: []string{"--listen", p.clickhouse(), "--data", o.path("data", "clickhouse"), "--lib", d.bins.clickLib}})
	}
	return all
}

func (d *demo) cores() []spec {
	o, p := d.opts, d.opts.ports
	var all []spec
	for i, r := range regions[:o.regions] {
		name := "core-" + r.name
		all = append(all, spec{name: name, path: d.bins.bin("core"), ready: "http://" + p.coreOps(i) + "/readyz", args: []string{"serve",
			"--id", name, "--region", r.name, "--data", o.path("data", name),
			"--api-addr", p.core(i), "--raft-addr", p.raft(i), "--ops-addr", p.coreOps(i),
			"--peers", p.peersFlag(o.regions),
			"--cluster-token-file", d.dir.secret("cluster.token"), "--keyring", d.dir.secret("keyring"),
			"--payments-url", "http://" + p.payments(), "--smtp-addr", p.smtp(), "--mail-from", "shop@meridian.example",
			"--shop-url", p.edgeURL(0), "--staff-file", d.dir.secret("staff.json"),
			"--backup", "s3://" + s3Backups + "/demo", "--s3-endpoint", p.s3(), "--s3-access-key", s3AccessKey, "--s3-secret-key-file", d.dir.secret("s3.secret"),
			"--rtt", o.rtt.String()}})
	}
	return all
}

func (d *demo) edges() []spec {
	o, p := d.opts, d.opts.ports
	var all []spec
	for i, r := range regions[:o.regions] {
		name := "edge-" + r.name
		args := []string{"serve",
			"--id", name, "--region", r.name, "--addr", p.edge(i), "--ops-addr", p.edgeOps(i),
			"--cores", p.coresFlag(o.regions), "--cluster-token-file", d.dir.secret("cluster.token"),
			"--cookie-secret-file", d.dir.secret("cookie.secret"), "--currency", r.currency, "--country", r.country,
			"--s3-endpoint", p.s3(), "--s3-access-key", s3AccessKey, "--s3-secret-key-file", d.dir.secret("s3.secret"), "--s3-bucket", s3Bucket,
			"--spool", o.path("data", name, "spool"), "--cache-bytes", "128MiB", "--rtt", o.rtt.String(), "--sandbox-cards"}
		if d.analytics() {
			args = append(args, "--clickhouse-url", "http://"+p.clickhouse())
		}
		all = append(all, spec{name: name, path: d.bins.bin("edge"), ready: "http://" + p.edgeOps(i) + "/readyz", args: args})
	}
	return all
}
