package analytics

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// hosts are the addresses that Addr holds, one for each host.
func (c *Config) hosts() ([]*url.URL, error) {
	refuse := fmt.Errorf("analytics: Addr %q: give an address like http://127.0.0.1:8123 or clickhouse://127.0.0.1:9000, with more hosts after commas", c.Addr)
	scheme, rest, ok := strings.Cut(c.Addr, "://")
	if !ok {
		return nil, refuse
	}
	list, query, _ := strings.Cut(rest, "?")
	var all []*url.URL
	for host := range strings.SplitSeq(strings.TrimSuffix(list, "/"), ",") {
		u, err := url.Parse(scheme + "://" + host + "?" + query)
		if err != nil || u.Host == "" || u.Hostname() == "" {
			return nil, refuse
		}
		all = append(all, u)
	}
	return all, nil
}

// options are the driver's, for one host and database. The driver is given one host and never several, since what a replica was asked to
// wait for must be true of the replica that is read next.
func (c *Config) options(host *url.URL, database string) (*clickhouse.Options, error) {
	o := &clickhouse.Options{
		Addr:         []string{host.Host},
		Auth:         clickhouse.Auth{Database: database, Username: c.User, Password: c.Password},
		Compression:  &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout:  5 * time.Second,
		ReadTimeout:  60 * time.Second,
		MaxOpenConns: 4,
		MaxIdleConns: 2,
		Settings:     clusterSettings(c.Cluster),
	}
	secure := false
	switch strings.ToLower(host.Scheme) {
	case "http":
		o.Protocol = clickhouse.HTTP
	case "https":
		o.Protocol, secure = clickhouse.HTTP, true
	case "clickhouse":
		o.Protocol, secure = clickhouse.Native, host.Query().Get("secure") == "true"
	default:
		return nil, fmt.Errorf("analytics: Addr %q: the scheme is http, https or clickhouse", c.Addr)
	}
	if !secure {
		if c.CAFile != "" {
			return nil, fmt.Errorf("analytics: CAFile %q: it is for TLS: give https://… or clickhouse://…?secure=true", c.CAFile)
		}
		return o, nil
	}
	authorities, err := c.authorities()
	if err != nil {
		return nil, err
	}
	o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host.Hostname(), RootCAs: authorities}
	return o, nil
}

// authorities are those of CAFile; nil for the system's. The file is read for each connection, so that it can be replaced.
func (c *Config) authorities() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("analytics: CAFile: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("analytics: CAFile %q: there is no certificate in PEM in it", c.CAFile)
	}
	return pool, nil
}
