package analytics

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// Config configures Open.
type Config struct {
	// Addr is where ClickHouse is: http://127.0.0.1:8140, https://…, or clickhouse://host:9000 for
	// the native protocol (?secure=true for TLS). Empty: events stay in the spool.
	Addr string
	// Database holds the tables; it is made when missing. Default: default.
	Database string
	// User and Password sign in. Default: the user default without a password.
	User     string
	Password string
	// Edge names this process in batch names; required, and unlike every other edge's.
	Edge string
	// Region is stored with every event. Default: empty.
	Region string
	// Dir is the spool's directory; required. One process owns it, and for a time its successor beside it.
	Dir string
	// Successor says that this process replaces one that may still write to Dir.
	Successor bool
	// MaxBytes bounds the spool. Default 1 GiB.
	MaxBytes int64
	// RetryMax is the longest pause between two attempts to reach ClickHouse. Default 15 s.
	RetryMax time.Duration
	// Logger hears of outages and of what was given up. Default: slog.Default().
	Logger *slog.Logger

	// now is the spool's clock; tests run it fast, so that segments are sealed at once.
	now func() time.Time
}

var edgeName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate fills in defaults and says what is wrong, naming the field.
func (c *Config) Validate() error {
	if !edgeName.MatchString(c.Edge) {
		return fmt.Errorf("analytics: Edge %q: give lower-case letters, digits and hyphens, at most 63", c.Edge)
	}
	if len(c.Region) > 64 {
		return errors.New("analytics: Region: at most 64 bytes")
	}
	if c.Dir == "" {
		return errors.New("analytics: Dir: give the directory of the spool")
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	if c.MaxBytes < 1<<20 {
		return errors.New("analytics: MaxBytes: at least 1 MiB")
	}
	if c.RetryMax == 0 {
		c.RetryMax = 15 * time.Second
	}
	if c.Database == "" {
		c.Database = "default"
	}
	if !databaseName.MatchString(c.Database) {
		return fmt.Errorf("analytics: Database %q: give letters, digits and underscores", c.Database)
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Addr != "" {
		if _, err := c.options(c.Database); err != nil {
			return err
		}
	}
	return nil
}

var databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// options are the driver's, for one database.
func (c *Config) options(database string) (*clickhouse.Options, error) {
	u, err := url.Parse(c.Addr)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("analytics: Addr %q: give an address like http://127.0.0.1:8123 or clickhouse://127.0.0.1:9000", c.Addr)
	}
	o := &clickhouse.Options{
		Addr:         []string{u.Host},
		Auth:         clickhouse.Auth{Database: database, Username: c.User, Password: c.Password},
		Compression:  &clickhouse.Compression{Method: clickhouse.CompressionLZ4},
		DialTimeout:  5 * time.Second,
		ReadTimeout:  60 * time.Second,
		MaxOpenConns: 4,
		MaxIdleConns: 2,
	}
	switch strings.ToLower(u.Scheme) {
	case "http":
		o.Protocol = clickhouse.HTTP
	case "https":
		o.Protocol, o.TLS = clickhouse.HTTP, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	case "clickhouse":
		o.Protocol = clickhouse.Native
		if u.Query().Get("secure") == "true" {
			o.TLS = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
		}
	default:
		return nil, fmt.Errorf("analytics: Addr %q: the scheme is http, https or clickhouse", c.Addr)
	}
	return o, nil
}
