package analytics

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"
)

// Config configures Open.
type Config struct {
	// Addr is where ClickHouse is: http://127.0.0.1:8140, https://…, or clickhouse://host:9000 for
	// the native protocol (?secure=true for TLS). Several hosts of one cluster are separated by commas,
	// clickhouse://a:9000,b:9000: one is used until it fails, then the next. Empty: events stay in the spool.
	Addr string
	// CAFile is a PEM file of the authorities that may sign ClickHouse's certificate. Default: the system's.
	CAFile string
	// Cluster is the name of a cluster in ClickHouse's configuration, of one shard: tables are made on all
	// its hosts and replicated. Default: none.
	Cluster string
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
	// still leaves days and trends to tests that count them themselves.
	still bool
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
	if c.Cluster != "" && !clusterName.MatchString(c.Cluster) {
		return fmt.Errorf("analytics: Cluster %q: give letters, digits, underscores and hyphens, at most 64", c.Cluster)
	}
	if _, err := c.authorities(); err != nil {
		return err
	}
	if c.Addr == "" {
		return nil
	}
	hosts, err := c.hosts()
	if err != nil {
		return err
	}
	if len(hosts) > 1 && c.Cluster == "" {
		return fmt.Errorf("analytics: Addr %q: several hosts are one database only as a cluster: name it", c.Addr)
	}
	_, err = c.options(hosts[0], c.Database)
	return err
}

var (
	databaseName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)
	clusterName  = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$`)
)
