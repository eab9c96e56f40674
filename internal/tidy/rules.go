package tidy

import "strings"

// layer says what the packages under a path may import of ours. The longest matching path decides;
// every package may import below itself.
type layer struct {
	path string
	may  []string
	// why is shown when the rule breaks.
	why string
}

// anything of ours may be imported.
const anything = "*"

func layers() []layer {
	const leaf = "it is a leaf, so that it can be read, tested and replaced alone"
	return []layer{
		{"api", nil, "the contract between edge and core must not depend on either side"},
		{"api/coreclient", []string{"api", "internal/pause"}, "a client knows the contract and nothing behind it"},
		{"web", nil, leaf},
		{"assets", []string{"api", "internal/objects"}, "it keeps files for whoever asks, and knows of the shop only how the contract describes an asset"},
		{"backup", []string{"internal/objects", "internal/pause"}, "it keeps what a replicated log made, whatever that is; cmd/core joins it with replication and core"},
		{"internal/objects", nil, leaf},
		{"replication", []string{"internal/durable"}, "replication orders commands and knows no commerce; cmd/core joins it with core"},
		{"internal/flagenv", nil, leaf},
		{"internal/nodetls", []string{"internal/durable"}, leaf},
		{"internal/memory", nil, leaf},
		{"internal/proxied", nil, leaf},
		{"internal/limit", nil, leaf},
		{"internal/loopback", nil, leaf},
		{"internal/handover", nil, leaf},
		{"internal/pause", nil, leaf},
		{"internal/durable", nil, leaf},
		{"recommend", nil, leaf},
		{"recommend/recseval", []string{"api", "recommend"}, "it holds tables against recorded sessions, and must not know where either comes from"},
		{"analytics", []string{"api", "recommend", "internal/durable", "internal/pause"}, "analytics turns the contract's events into rows and back; it must not reach into a server"},
		{"core", []string{"api", "internal/durable", "internal/gate", "internal/pause"}, "the state machine must stay deterministic and know neither Raft nor the edge; cmd/core joins them"},
		{"edge", []string{"api", "api/coreclient", "web", "analytics", "assets", "recommend", "internal/durable", "internal/gate", "internal/limit", "internal/pause", "internal/proxied"}, "an edge talks to cores over the wire only; importing core would make a second place where commerce is decided"},
		{"edge/https", nil, leaf},
		{"edge/acme", nil, leaf},
		{"cmd/core", []string{"api", "api/coreclient", "core", "replication", "backup", "internal/objects", "internal/flagenv", "internal/nodetls", "internal/memory", "internal/durable", "internal/pause"}, "the core binary has no pages and no clickstream; it calls other cores as an edge does"},
		{"cmd/edge", []string{"api", "api/coreclient", "edge", "web", "edge/https", "edge/acme", "analytics", "assets", "recommend", "internal/flagenv", "internal/handover", "internal/nodetls", "internal/memory"}, "the edge binary must not contain the state machine"},
		{"cmd/dev", []string{anything}, "a development tool may use all of it"},
		{"deploy", []string{"internal/flagenv", "api"}, "local stand-ins are other people's programs to us: they must not share our code"},
		{"internal/cluster", []string{anything}, "the harness starts all of it"},
		{"internal/chaos", []string{"api", "api/coreclient", "core/seal", "internal/history", "internal/workload", "internal/nodetls"}, "it breaks processes from outside; of the shop it knows the contract, and the key ring that cores share"},
		{"internal/drill", []string{"api", "api/coreclient", "core/seal", "internal/loopback"}, "it loses and restores processes from outside, by an operator's commands; of the shop it knows the contract, and the key ring that cores share"},
		{"internal", []string{"api", "api/coreclient"}, "test support speaks the contract"},
		{"examples", nil, "an example is somebody else's program: it knows the public API and nothing else"},
		{"test", []string{anything}, "scenarios may use all of it"},
		{"demo", []string{"api", "core/productcsv"}, "the catalogue's generators write files with the package that reads them, and call nothing of the shop"},
		{"docs", nil, leaf},
	}
}

// importers says who may import a package that is for a few only.
func importers() map[string][]string {
	return map[string][]string{
		"internal/cluster": {"cmd/dev", "test"},
	}
}

// home says where a heavy dependency lives. Everyone else goes through that package, so that it can
// be replaced, upgraded and reasoned about in one place.
type home struct {
	module string
	in     []string
}

func homes() []home {
	return []home{
		{"github.com/valyala/fasthttp", []string{"edge", "api/coreclient", "core", "cmd/core", "cmd/edge", "cmd/dev", "deploy", "internal", "test"}},
		{"github.com/hashicorp/raft", []string{"replication", "test/sim"}},
		{"github.com/hashicorp/raft-boltdb", []string{"replication"}},
		{"github.com/hashicorp/raft-wal", []string{"replication"}},
		{"go.etcd.io/bbolt", []string{"core/state", "replication"}},
		{"github.com/ClickHouse/clickhouse-go", []string{"analytics", "deploy/local/clickhouse"}},
		{"github.com/ClickHouse/ch-go", []string{"analytics", "deploy/local/clickhouse"}},
		{"github.com/minio/minio-go", []string{"internal/objects"}},
		{"github.com/a-h/templ", []string{"web"}},
		{"github.com/ebitengine/purego", []string{"deploy/local/clickhouse"}},
		{"github.com/andybalholm/brotli", []string{"edge"}},
		{"github.com/dgraph-io/ristretto", []string{"edge"}},
		{"github.com/caddyserver/certmagic", []string{"edge/acme"}},
		{"go.uber.org/zap", []string{"edge/acme"}},
		{"github.com/pires/go-proxyproto", []string{"internal/proxied"}},
		{"github.com/sony/gobreaker", []string{"core/payments", "internal/objects"}},
		{"github.com/wneessen/go-mail", []string{"core/mail"}},
		{"github.com/jackc/pgx", []string{"test/bench/core"}},
		{"github.com/emersion/go-smtp", []string{"deploy/local/mailbox"}},
		{"github.com/anishathalye/porcupine", []string{"internal/history"}},
	}
}

// under reports whether path is dir or below it.
func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func underAny(path string, dirs []string) bool {
	for _, d := range dirs {
		if d == anything || under(path, d) {
			return true
		}
	}
	return false
}

// layerOf finds the rule for a package: that of the longest path.
func layerOf(path string) (best layer, ok bool) {
	for _, l := range layers() {
		if under(path, l.path) && len(l.path) >= len(best.path) {
			best, ok = l, true
		}
	}
	return best, ok
}

// checkImport answers why a package may not import another of ours, or "".
func checkImport(from, to string) string {
	l, ok := layerOf(from)
	if !ok {
		return "no rule says what " + from + " may import; add one to internal/tidy/rules.go with its reason"
	}
	if only, ok := importers()[to]; ok && !underAny(from, only) {
		return from + " imports " + to + ", which is for " + strings.Join(only, ", ") + " only"
	}
	if under(to, l.path) && to != from || under(from, to) && under(to, l.path) {
		// A path with a rule of its own below this one (api/coreclient under api) is no part of it.
		if r, _ := layerOf(to); r.path == l.path {
			return ""
		}
	}
	for _, m := range l.may {
		if m == anything {
			return ""
		}
		if r, _ := layerOf(to); under(to, m) && r.path == m || to == m {
			return ""
		}
		// A rule may name a part of a layer, or a layer whose parts have no rule of their own.
		if r, _ := layerOf(to); under(to, m) && under(m, r.path) {
			return ""
		}
	}
	return from + " imports " + to + ": " + l.why
}

// checkModule answers why a package may not import a module's package, or "".
func checkModule(from, imported string) string {
	for _, h := range homes() {
		if imported != h.module && !strings.HasPrefix(imported, h.module+"/") {
			continue
		}
		if !underAny(from, h.in) {
			return from + " imports " + imported + ", whose home is " + strings.Join(h.in, ", ") + ": everyone else goes through it, so that it can be replaced in one place"
		}
	}
	return ""
}
