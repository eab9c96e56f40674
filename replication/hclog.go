package replication

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// slogger lets raft, which speaks hclog, write to slog.
type slogger struct {
	l       *slog.Logger
	name    string
	implied []any
}

var _ hclog.Logger = (*slogger)(nil)

func newHCLog(l *slog.Logger) hclog.Logger { return &slogger{l: l} }

func slogLevel(level hclog.Level) slog.Level {
	switch level {
	case hclog.Trace, hclog.Debug, hclog.NoLevel:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

func (s *slogger) Log(level hclog.Level, msg string, args ...any) {
	lv := slogLevel(level)
	ctx := context.Background()
	if !s.l.Enabled(ctx, lv) {
		return
	}
	attrs := make([]any, len(args))
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			if pattern, ok := f[0].(string); ok {
				a = fmt.Sprintf(pattern, f[1:]...)
			}
		}
		attrs[i] = a
	}
	s.l.Log(ctx, lv, msg, attrs...)
}

func (s *slogger) Trace(msg string, args ...any) { s.Log(hclog.Trace, msg, args...) }
func (s *slogger) Debug(msg string, args ...any) { s.Log(hclog.Debug, msg, args...) }
func (s *slogger) Info(msg string, args ...any)  { s.Log(hclog.Info, msg, args...) }
func (s *slogger) Warn(msg string, args ...any)  { s.Log(hclog.Warn, msg, args...) }
func (s *slogger) Error(msg string, args ...any) { s.Log(hclog.Error, msg, args...) }

func (s *slogger) enabled(l slog.Level) bool { return s.l.Enabled(context.Background(), l) }

func (s *slogger) IsTrace() bool { return s.enabled(slog.LevelDebug) }
func (s *slogger) IsDebug() bool { return s.enabled(slog.LevelDebug) }
func (s *slogger) IsInfo() bool  { return s.enabled(slog.LevelInfo) }
func (s *slogger) IsWarn() bool  { return s.enabled(slog.LevelWarn) }
func (s *slogger) IsError() bool { return s.enabled(slog.LevelError) }

func (s *slogger) ImpliedArgs() []any { return s.implied }
func (s *slogger) Name() string       { return s.name }

func (s *slogger) With(args ...any) hclog.Logger {
	return &slogger{l: s.l.With(args...), name: s.name, implied: append(append([]any{}, s.implied...), args...)}
}

func (s *slogger) Named(name string) hclog.Logger {
	if s.name != "" {
		name = s.name + "." + name
	}
	return s.ResetNamed(name)
}

func (s *slogger) ResetNamed(name string) hclog.Logger {
	return &slogger{l: s.l, name: name, implied: s.implied}
}

// SetLevel does nothing: the level belongs to the slog handler.
func (s *slogger) SetLevel(hclog.Level) {}

func (s *slogger) GetLevel() hclog.Level {
	switch {
	case s.IsDebug():
		return hclog.Debug
	case s.IsInfo():
		return hclog.Info
	case s.IsWarn():
		return hclog.Warn
	default:
		return hclog.Error
	}
}

func (s *slogger) StandardLogger(*hclog.StandardLoggerOptions) *log.Logger {
	return slog.NewLogLogger(s.l.Handler(), slog.LevelInfo)
}

func (s *slogger) StandardWriter(o *hclog.StandardLoggerOptions) io.Writer {
	return s.StandardLogger(o).Writer()
}
