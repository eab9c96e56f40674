package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"meridian/edge"
)

// live are the flags that take effect without a restart; options.tuning and the level of the log hold them.
var live = []string{"admin-requests", "browse", "cache-ttl", "cart-writes", "checkouts", "client-header", "log-level", "origins", "searches", "sign-ins", "trusted-proxies", "unlimited"}

// reloads reads the settings again at every SIGHUP. Without a settings file there is nothing that could have changed, and
// SIGHUP ends the edge as it ends every program whose terminal goes away.
func (o *options) reloads(ctx context.Context, args []string, server *edge.Server, level *slog.LevelVar, log *slog.Logger) (stop func()) {
	if o.settings == "" {
		return func() {}
	}
	o.tellOverruled(log)
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	wait := inBackground(ctx, func(ctx context.Context) {
		now := o
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				now = now.reload(args, server, level, log)
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		wait()
	}
}

// reload gives the settings that are in force afterwards: the new ones, or those of before if anything is wrong with these.
func (o *options) reload(args []string, server *edge.Server, level *slog.LevelVar, log *slog.Logger) *options {
	next, err := parseOptions(args)
	if err == nil {
		err = server.Tune(next.tuning())
	}
	if err != nil {
		log.Error("the settings were read again and nothing of them is used", "settings", o.settings, "err", err)
		return o
	}
	var changes []slog.Attr
	var later []string
	for name, value := range next.values {
		switch was := o.values[name]; {
		case value == was:
		case slices.Contains(live, name):
			changes = append(changes, slog.Group(name, "from", was, "to", value))
		default: // and not with its value, which may be a key or an address with a password
			later = append(later, name)
			next.values[name] = was
		}
	}
	level.Set(min(o.logLevel, next.logLevel)) // this is told by either
	slices.SortFunc(changes, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(later)
	log.LogAttrs(context.Background(), slog.LevelInfo, "the settings were read again", slog.String("settings", o.settings), slog.Attr{Key: "changed", Value: slog.GroupValue(changes...)})
	if len(later) > 0 {
		log.Warn("these settings take effect at a restart (or --handover)", "settings", later)
	}
	next.tellOverruled(log)
	level.Set(next.logLevel)
	return &next
}

// tellOverruled saves somebody from editing a file that nobody listens to.
func (o *options) tellOverruled(log *slog.Logger) {
	if len(o.overruled) > 0 {
		log.Warn("the command line or the environment sets these, so the settings file does not", "settings", o.overruled)
	}
}
