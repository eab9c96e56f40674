package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	proc "meridian/test/bench/process"
)

// postgres is PostgreSQL 15 as its packages configure it, with the memory and the connections this load
// needs. fsync and synchronous_commit are on.
type postgres struct {
	server *process
	dsn    string
	dir    string
	admin  *pgx.Conn
}

const postgresHint = "install postgresql-15 (make bench-core does it as root on Debian)"

func postgresProgram(name string) (string, error) {
	return proc.Find(name, postgresHint, "/usr/lib/postgresql/15/bin", "/usr/pgsql-15/bin", "/opt/homebrew/opt/postgresql@15/bin")
}

// decrement takes a unit if there is one, once for an identity, in one statement. The row of the
// identity goes in first, so that the hot row is locked as late as possible.
const decrement = `WITH fresh AS (INSERT INTO sold (id, sku) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING sku)
UPDATE stock SET qty = qty - 1 FROM fresh WHERE stock.sku = fresh.sku AND stock.qty >= 1`

func openPostgres(ctx context.Context, b *bench) (s system, err error) {
	p := &postgres{dir: filepath.Join(b.dir, "postgres")}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	initdb, err := postgresProgram("initdb")
	if err != nil {
		return nil, err
	}
	server, err := postgresProgram("postgres")
	if err != nil {
		return nil, err
	}
	as, err := unprivileged("postgres", "nobody")
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(p.dir, 0o755); err != nil {
		return nil, err
	}
	if err := as.own(p.dir); err != nil {
		return nil, err
	}
	data := filepath.Join(p.dir, "data")
	cmd := exec.CommandContext(ctx, initdb, "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
	cmd.SysProcAttr, cmd.Dir = attributes(as), p.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	addr, err := proc.FreePort()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	p.dsn = fmt.Sprintf("postgres://postgres@%s/postgres?sslmode=disable", addr)
	p.server, err = spawn("PostgreSQL", filepath.Join(b.dir, "postgres.log"), as, server, "-D", data, "-h", host, "-p", port, "-k", "",
		"-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "max_connections=400", "-c", "shared_buffers=512MB", "-c", "max_wal_size=4GB")
	if err != nil {
		return nil, err
	}
	err = p.server.until(ctx, "it took connections", 60*time.Second, func() (e error) {
		p.admin, e = pgx.Connect(ctx, p.dsn)
		return e
	})
	if err != nil {
		return nil, err
	}
	// The room left in each page lets an update stay on it, which is PostgreSQL's own advice for such rows.
	_, err = p.admin.Exec(ctx, fmt.Sprintf(`CREATE TABLE stock (sku int PRIMARY KEY, qty bigint NOT NULL CHECK (qty >= 0)) WITH (fillfactor = 50);
		CREATE TABLE sold (id bytea PRIMARY KEY, sku int NOT NULL);
		INSERT INTO stock SELECT sku, %d FROM generate_series(0, %d) sku`, initialStock, skuCount))
	if err == nil {
		_, err = p.admin.Exec(ctx, `VACUUM ANALYZE stock`)
	}
	if err == nil {
		_, err = p.admin.Exec(ctx, `CHECKPOINT`)
	}
	return p, err
}

func (p *postgres) close() error {
	var err error
	if p.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = p.admin.Close(ctx)
	}
	p.server.stop(syscall.SIGINT) // fast shutdown
	return errors.Join(err, os.RemoveAll(p.dir))
}

func (p *postgres) stock() ([]int64, error) {
	rows, err := p.admin.Query(context.Background(), `SELECT qty FROM stock ORDER BY sku`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

func (p *postgres) connect(op) (client, error) {
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, p.dsn)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Prepare(ctx, "decrement", decrement, nil); err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return &postgresClient{conn: conn}, nil
}

// postgresClient runs the prepared statement with binary parameters, without a layer that would turn
// values into others.
type postgresClient struct {
	conn *pgconn.PgConn
	sku  [4]byte
}

var binaryFormats = []int16{1, 1}

func (c *postgresClient) do(commands []command) error {
	for i := range commands {
		cmd := &commands[i]
		c.sku = [4]byte{byte(cmd.sku >> 24), byte(cmd.sku >> 16), byte(cmd.sku >> 8), byte(cmd.sku)}
		tag, err := c.conn.ExecPrepared(context.Background(), "decrement", [][]byte{cmd.id[:], c.sku[:]}, binaryFormats, nil).Close()
		if err != nil {
			return fmt.Errorf("PostgreSQL: %w", err)
		}
		if tag.RowsAffected() != 1 {
			return fmt.Errorf("PostgreSQL sold %d of SKU %d", tag.RowsAffected(), cmd.sku)
		}
	}
	return nil
}

func (c *postgresClient) close() { _ = c.conn.Close(context.Background()) }
