package main

import (
	"errors"
	"flag"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"meridian/analytics"
	"meridian/api"
	"meridian/api/coreclient"
	"meridian/edge"
	"meridian/edge/recommender"
	"meridian/edge/waiting"
	"meridian/internal/flagenv"
	"meridian/internal/nodetls"
)

// options are the settings of `edge serve`.
type options struct {
	id, region, addr, opsAddr            string
	publicURL, currency, country         string
	cores                                []coreclient.Node
	token                                string
	cookieSecret                         []byte
	origins                              []string
	clientHeader                         string
	proxies, proxyProtocol, unlimited    []netip.Prefix
	cacheBytes, spoolBytes               flagenv.Bytes
	ttl, rtt, recommendEvery             time.Duration
	consent                              edge.Consent
	noFollower, sandboxCards             bool
	maxConns, holdout                    int
	limits                               edge.Limits
	s3Endpoint, s3AccessKey, s3SecretKey string
	s3Bucket, s3Region                   string
	s3TLS                                bool
	spool, clickhouseURL, handover       string
	clickhouseUser, clickhousePassword   string
	clickhouseDatabase                   string
	clickhouseCluster, clickhouseCA      string
	logLevel                             slog.Level
	settings, warm                       string
	overruled                            []string          // what is in that file for nothing
	values                               map[string]string // of all flags, as text
	tls                                  nodetls.Settings
	https                                httpsOptions
}

// named are settings that are read into something else: lists, and files that hold secrets.
type named struct {
	cores, origins, proxies, proxyProtocol, unlimited       string
	tokenFile, cookieFile, s3SecretFile, clickhousePassFile string
	consent                                                 string
}

func parseOptions(args []string) (options, error) {
	o := options{cacheBytes: 256 << 20, spoolBytes: 1 << 30}
	var n named
	fs := flag.NewFlagSet("edge serve", flag.ContinueOnError)
	fs.StringVar(&o.id, "id", "edge-1", "name of this edge, unlike every other's")
	fs.StringVar(&o.region, "region", "local", "region this edge is in; cores of the same region are asked first")
	fs.StringVar(&o.addr, "addr", "127.0.0.1:8080", "where the shop and its API answer")
	fs.StringVar(&o.opsAddr, "ops-addr", "127.0.0.1:8090", "metrics, health and profiles; never public; empty: nowhere")
	fs.StringVar(&o.handover, "handover", "", "Unix socket at which this edge takes its predecessor's place and gives its own to a successor, without a lost connection; empty: neither")
	fs.StringVar(&o.publicURL, "public-url", "", "the shop's public address, for canonical links and the site map; empty: http:// and --addr, or what --https-addr and --acme-domains tell")
	fs.StringVar(&o.currency, "currency", "EUR", "currency of this region's prices")
	fs.StringVar(&o.country, "country", "DE", "country of this region, for delivery and tax")
	fs.StringVar(&n.cores, "cores", "core-1=local@127.0.0.1:8100", "the cores, id=region@host:port separated by commas")
	fs.StringVar(&n.tokenFile, "cluster-token-file", "", "file with the secret that edges and cores share, at least 16 characters")
	fs.StringVar(&n.cookieFile, "cookie-secret-file", "", "file with the secret that signs cookies, the same on every edge, at least 16 characters")
	fs.StringVar(&n.origins, "origins", "", "further origins whose pages may send forms here, separated by commas")
	fs.StringVar(&n.proxies, "trusted-proxies", "", "networks, such as 10.0.0.0/8, whose --client-header is believed, separated by commas")
	fs.StringVar(&o.clientHeader, "client-header", string(edge.ForwardedFor), "the header in which --trusted-proxies name the client: X-Forwarded-For or Forwarded; the other one is ignored")
	fs.StringVar(&n.proxyProtocol, "proxy-protocol", "", "networks, such as 10.0.0.0/8, of load balancers whose connections begin with a PROXY protocol header (version 2), separated by commas")
	fs.Var(&o.cacheBytes, "cache-bytes", "memory for finished answers")
	fs.DurationVar(&o.ttl, "cache-ttl", time.Hour, "how long an answer is fresh when no change ends it before")
	fs.StringVar(&o.warm, "warm", "", "file in which the most used addresses are kept over restarts: they are fetched anew at the start, and written every minute and at the end; empty: none")
	fs.BoolVar(&o.noFollower, "no-follower", false, "do not follow the change feed: answers stay as they are until --cache-ttl; for tests")
	fs.DurationVar(&o.rtt, "rtt", 0, "round trip added to cores of other regions, to feel distance on one machine")
	fs.IntVar(&o.maxConns, "max-conns-per-address", 1000, "connections one address may hold")
	fs.Float64Var(&o.limits.Browse, "browse", 500, "pages and reads that the cache does not answer, an address may ask for a second; -1: no limit")
	fs.Float64Var(&o.limits.Search, "searches", 200, "searches that the cache does not answer, an address may make a second; -1: no limit")
	fs.Float64Var(&o.limits.CartWrites, "cart-writes", 200, "cart writes an address may make a second; -1: no limit")
	fs.Float64Var(&o.limits.Checkouts, "checkouts", 50, "checkouts an address may make a second; -1: no limit")
	fs.Float64Var(&o.limits.SignIns, "sign-ins", 10, "sign-ins an address may make a second; -1: no limit")
	fs.Float64Var(&o.limits.Admin, "admin-requests", 500, "requests an address may make a second to the staff's API and pages; -1: no limit")
	fs.StringVar(&n.unlimited, "unlimited", "", "networks, such as 127.0.0.0/8, whose clients have no such limits, separated by commas")
	fs.BoolVar(&o.sandboxCards, "sandbox-cards", false, "offer the sandbox's test cards at the checkout")
	fs.StringVar(&o.s3Endpoint, "s3-endpoint", "", "host:port of the S3 server with pictures and clips; empty: there are none")
	fs.StringVar(&o.s3AccessKey, "s3-access-key", "", "access key of the S3 server")
	fs.StringVar(&n.s3SecretFile, "s3-secret-key-file", "", "file with the secret key of the S3 server")
	fs.StringVar(&o.s3Bucket, "s3-bucket", "meridian", "bucket with pictures and clips")
	fs.StringVar(&o.s3Region, "s3-region", "us-east-1", "region of the bucket")
	fs.BoolVar(&o.s3TLS, "s3-tls", false, "speak TLS to the S3 server")
	fs.StringVar(&o.spool, "spool", "data/edge/spool", "directory where events wait for ClickHouse")
	fs.Var(&o.spoolBytes, "spool-bytes", "disk space for events that wait")
	fs.StringVar(&o.clickhouseURL, "clickhouse-url", "", "http://host:8123, clickhouse://host:9000 or clickhouse://host:9440?secure=true, of a cluster with more hosts after commas; empty: events stay in the spool")
	fs.DurationVar(&o.recommendEvery, "recommend-every", time.Hour, "how old the table of recommendations gets before an edge with ClickHouse and an S3 server makes the next; 0: only when staff ask for it")
	fs.IntVar(&o.holdout, "recommend-holdout", 5, "percent of the visits, at most 50, that get what is popular in place of the table of recommendations, so that the report lift can tell what it is worth; 0: none")
	fs.StringVar(&o.clickhouseDatabase, "clickhouse-database", "default", "database of ClickHouse")
	fs.StringVar(&o.clickhouseCluster, "clickhouse-cluster", "", "cluster in ClickHouse's configuration, of one shard: tables are made on all its hosts and replicated; empty: none")
	fs.StringVar(&o.clickhouseCA, "clickhouse-ca-file", "", "PEM file of the authorities that may sign ClickHouse's certificate; empty: the system's")
	fs.StringVar(&o.clickhouseUser, "clickhouse-user", "", "user of ClickHouse")
	fs.StringVar(&n.clickhousePassFile, "clickhouse-password-file", "", "file with the password of ClickHouse")
	fs.StringVar(&n.consent, "consent", string(edge.ConsentAsk), "what it means that a browser was not asked yet whether it may be remembered: ask, which is a no, or assumed, which is a yes where the law allows that; Do-Not-Track and Global Privacy Control are a no under either")
	o.https.add(fs)
	o.tls.Add(fs)
	fs.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	fs.StringVar(&o.settings, "settings", "", "file with lines NAME=VALUE, named as the environment; what neither the command line nor the environment sets is taken from it, and read again at SIGHUP")
	from, err := flagenv.ParseFile(fs, "EDGE", args, "settings")
	if err != nil {
		return o, err
	}
	o.overruled, o.values = from.Overruled, map[string]string{}
	fs.VisitAll(func(f *flag.Flag) { o.values[f.Name] = f.Value.String() })
	return o, from.Blame(o.complete(n))
}

// complete checks the settings and reads the files they name.
func (o *options) complete(n named) (err error) {
	if o.cores, err = parseCores(n.cores); err != nil {
		return err
	}
	if o.token, err = secret("cluster-token-file", n.tokenFile, true); err != nil {
		return err
	}
	cookie, err := secret("cookie-secret-file", n.cookieFile, true)
	if err != nil {
		return err
	}
	o.cookieSecret = []byte(cookie)
	if o.clickhousePassword, err = secret("clickhouse-password-file", n.clickhousePassFile, false); err != nil {
		return err
	}
	if o.s3Endpoint != "" {
		if o.s3SecretKey, err = secret("s3-secret-key-file", n.s3SecretFile, false); err != nil {
			return err
		}
	}
	if o.consent, err = edge.ParseConsent(n.consent); err != nil {
		return flagenv.Errorf("consent", "%v", err)
	}
	if n.origins != "" {
		o.origins = strings.Split(n.origins, ",")
	}
	for _, l := range []struct {
		name, list string
		to         *[]netip.Prefix
	}{{"trusted-proxies", n.proxies, &o.proxies}, {"proxy-protocol", n.proxyProtocol, &o.proxyProtocol}, {"unlimited", n.unlimited, &o.unlimited}} {
		if *l.to, err = networks(l.name, l.list); err != nil {
			return err
		}
	}
	return o.check()
}

// networks reads a list of networks.
func networks(name, list string) (all []netip.Prefix, err error) {
	if list == "" {
		return nil, nil
	}
	for _, p := range strings.Split(list, ",") {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(p))
		if err != nil {
			return nil, flagenv.Errorf(name, "%q is not a network such as 10.0.0.0/8", p)
		}
		all = append(all, prefix)
	}
	return all, nil
}

// holdoutMax is the largest share of visits that may be held out, in percent: beyond it the table is shown to a minority.
const holdoutMax = 50

func (o *options) check() error {
	for name, addr := range map[string]string{"addr": o.addr, "ops-addr": o.opsAddr} {
		if _, _, err := net.SplitHostPort(addr); err != nil && (addr != "" || name == "addr") {
			return flagenv.Errorf(name, "give host:port, such as 127.0.0.1:8080")
		}
	}
	if o.publicURL == "" {
		o.publicURL = o.https.publicURL("http://" + o.addr)
	}
	if u, err := url.Parse(o.publicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return flagenv.Errorf("public-url", "give an address such as https://shop.example")
	}
	if err := o.https.check(o.publicURL); err != nil {
		return err
	}
	if len(o.currency) != 3 || strings.ToUpper(o.currency) != o.currency {
		return flagenv.Errorf("currency", "give three capital letters, such as EUR")
	}
	if len(o.country) != 2 || strings.ToUpper(o.country) != o.country {
		return flagenv.Errorf("country", "give two capital letters, such as DE")
	}
	if o.cacheBytes < 1<<20 {
		return flagenv.Errorf("cache-bytes", "give at least 1MiB")
	}
	if o.ttl <= 0 {
		return flagenv.Errorf("cache-ttl", "give more than 0s, such as 1h")
	}
	if o.rtt < 0 || o.rtt > 2*time.Second {
		return flagenv.Errorf("rtt", "give 0s to 2s")
	}
	switch {
	case strings.EqualFold(o.clientHeader, string(edge.ForwardedFor)):
		o.clientHeader = string(edge.ForwardedFor)
	case strings.EqualFold(o.clientHeader, string(edge.Forwarded)):
		o.clientHeader = string(edge.Forwarded)
	default:
		return flagenv.Errorf("client-header", "give X-Forwarded-For or Forwarded, whichever the proxies write")
	}
	if o.maxConns < 1 {
		return flagenv.Errorf("max-conns-per-address", "give at least 1")
	}
	for name, rate := range map[string]float64{"browse": o.limits.Browse, "searches": o.limits.Search, "admin-requests": o.limits.Admin, "cart-writes": o.limits.CartWrites, "checkouts": o.limits.Checkouts, "sign-ins": o.limits.SignIns} {
		if rate == 0 || math.IsNaN(rate) {
			return flagenv.Errorf(name, "give a number above 0, or -1 for no limit")
		}
	}
	if o.recommendEvery != 0 && o.recommendEvery < time.Second {
		return flagenv.Errorf("recommend-every", "give at least a second, or 0 for only when staff ask for it")
	}
	if o.holdout < 0 || o.holdout > holdoutMax {
		return flagenv.Errorf("recommend-holdout", "give 0 to %d percent", holdoutMax)
	}
	cfg := o.analytics(slog.Default())
	if err := cfg.Validate(); err != nil {
		name := "spool"
		for text, f := range map[string]string{"Edge": "id", "Addr": "clickhouse-url", "Database": "clickhouse-database", "Cluster": "clickhouse-cluster", "CAFile": "clickhouse-ca-file", "MaxBytes": "spool-bytes"} {
			if strings.Contains(err.Error(), text) {
				name = f
			}
		}
		return flagenv.Errorf(name, "%v", err)
	}
	return nil
}

func parseCores(list string) ([]coreclient.Node, error) {
	var nodes []coreclient.Node
	for _, c := range strings.Split(list, ",") {
		id, rest, ok := strings.Cut(strings.TrimSpace(c), "=")
		region, addr, ok2 := strings.Cut(rest, "@")
		if _, _, err := net.SplitHostPort(addr); err != nil || !ok || !ok2 || id == "" || region == "" {
			return nil, flagenv.Errorf("cores", "%q is not id=region@host:port", c)
		}
		nodes = append(nodes, coreclient.Node{ID: id, Region: region, Addr: addr})
	}
	return nodes, nil
}

// secure reads the certificates. Without any it refuses cores off this machine.
func (o *options) secure(log *slog.Logger) (*nodetls.Source, error) {
	var cores []nodetls.Address
	for _, n := range o.cores {
		cores = append(cores, nodetls.Address{Flag: "cores", Addr: n.Addr})
	}
	src, err := o.tls.Open(nodetls.Identity{Role: nodetls.RoleEdge, Name: o.id}, cores, log)
	if bad := (*nodetls.Refusal)(nil); errors.As(err, &bad) {
		return nil, flagenv.Errorf(bad.Flag, "%s", bad.Want)
	}
	return src, err
}

// secret reads a file that holds one secret. A needed one has at least 16 characters.
func secret(name, file string, needed bool) (string, error) {
	if file == "" {
		if needed {
			return "", flagenv.Errorf(name, "name a file with a secret of at least 16 characters")
		}
		return "", nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", flagenv.Errorf(name, "cannot be read: %v", err)
	}
	s := strings.TrimSpace(string(b))
	if needed && len(s) < 16 {
		return "", flagenv.Errorf(name, "holds fewer than 16 characters; write a long random secret into it")
	}
	return s, nil
}

// distance is the round trip added between two regions.
func (o *options) distance(from, to string) time.Duration {
	if from == to {
		return 0
	}
	return o.rtt
}

func (o *options) analytics(log *slog.Logger) analytics.Config {
	return analytics.Config{Addr: o.clickhouseURL, Database: o.clickhouseDatabase, User: o.clickhouseUser, Password: o.clickhousePassword,
		Cluster: o.clickhouseCluster, CAFile: o.clickhouseCA, Edge: o.id, Region: o.region, Dir: o.spool, MaxBytes: int64(o.spoolBytes), Logger: log}
}

func (o *options) shop(cores *coreclient.Client, clicks *analytics.Analytics, files edge.Files, rooms *waiting.Rooms, tables *recommender.Recommender, log *slog.Logger) edge.ShopConfig {
	stream := edge.Clickstream{Analytics: clicks}
	cfg := edge.ShopConfig{Core: cores, Clicks: stream, Reports: stream, Files: files, Rooms: rooms, BaseURL: o.publicURL, Region: o.region,
		Consent: o.consent, TestCards: o.sandboxCards, Holdout: o.holdout, Log: log}
	if tables != nil {
		cfg.Recommendations = tables
	}
	return cfg
}

func (o *options) server(log *slog.Logger) edge.Config {
	return edge.Config{ID: o.id, Region: o.region, Locale: api.Locale{Currency: o.currency, Country: o.country}, Addr: o.addr, OpsAddr: o.opsAddr,
		Secret: o.cookieSecret, DisableFollower: o.noFollower, Origins: o.origins, TrustedProxies: o.proxies, ClientHeader: edge.ClientHeader(o.clientHeader), ProxyProtocol: o.proxyProtocol, CacheBytes: int64(o.cacheBytes),
		WarmFile: o.warm, TTL: o.ttl, Limits: o.limits, Unlimited: o.unlimited, MaxConnsPerIP: o.maxConns, Logger: log}
}

// tuning is the part of it that may change while the edge runs; live names the flags.
func (o *options) tuning() edge.Tuning {
	return edge.Tuning{Limits: o.limits, Unlimited: o.unlimited, Origins: o.origins, TrustedProxies: o.proxies, ClientHeader: edge.ClientHeader(o.clientHeader), TTL: o.ttl}
}
