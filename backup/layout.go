package backup

import (
	"fmt"
	"strconv"
	"strings"
)

// Everything of a timeline is below its own prefix:
//
//	PREFIX/t0000000001/owner.json                       whose timeline this is
//	PREFIX/t0000000001/full/INDEX-RANDOM.snap           a snapshot
//	PREFIX/t0000000001/full/INDEX-RANDOM.json           its manifest; a snapshot without one does not count
//	PREFIX/t0000000001/log/AFTER-TO.seg                 the entries after AFTER and up to TO
//
// Numbers are padded, so that names sort by them.
type layout struct {
	prefix   string
	timeline uint32
}

func timelineDir(prefix string, timeline uint32) string {
	return fmt.Sprintf("%st%010d/", prefix, timeline)
}

func (l layout) dir() string   { return timelineDir(l.prefix, l.timeline) }
func (l layout) owner() string { return l.dir() + "owner.json" }
func (l layout) full(index uint64, salt string) (snap, manifest string) {
	name := fmt.Sprintf("%sfull/%020d-%s", l.dir(), index, salt)
	return name + ".snap", name + ".json"
}

// saltOf is the random part of a manifest's name.
func saltOf(manifest string) string {
	return strings.TrimSuffix(manifest[strings.LastIndexByte(manifest, '-')+1:], ".json")
}

func (l layout) segment(after, to uint64) string {
	return fmt.Sprintf("%slog/%020d-%020d.seg", l.dir(), after, to)
}

// Span is a segment by its name.
type Span struct {
	Key       string
	After, To uint64
	Bytes     int64
}

// parseKey reads the part of a key below the prefix. Files of others are kind "".
func parseKey(rest string) (timeline uint32, kind string, after, to uint64) {
	dir, name, ok := strings.Cut(rest, "/")
	n, err := strconv.ParseUint(strings.TrimPrefix(dir, "t"), 10, 32)
	if !ok || err != nil || len(dir) != 11 || dir[0] != 't' || n == 0 {
		return 0, "", 0, 0
	}
	timeline = uint32(n)
	switch folder, file, _ := strings.Cut(name, "/"); {
	case name == "owner.json":
		return timeline, "owner", 0, 0
	case folder == "full" && strings.HasSuffix(file, ".json"):
		return timeline, "manifest", 0, 0
	case folder == "full" && strings.HasSuffix(file, ".snap"):
		return timeline, "snapshot", 0, 0
	case folder == "log":
		a, b, ok := strings.Cut(strings.TrimSuffix(file, ".seg"), "-")
		after, err1 := strconv.ParseUint(a, 10, 64)
		to, err2 := strconv.ParseUint(b, 10, 64)
		if ok && err1 == nil && err2 == nil && to > after && (layout{"", timeline}).segment(after, to) == rest {
			return timeline, "segment", after, to
		}
	}
	return 0, "", 0, 0
}

// ParseURL reads s3://bucket/prefix; the prefix may be empty.
func ParseURL(s string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(s, "s3://")
	bucket, prefix, _ = strings.Cut(rest, "/")
	if !ok || bucket == "" || strings.ContainsAny(s, "?# \t\n") {
		return "", "", fmt.Errorf("give s3://bucket/prefix, such as s3://meridian-backup/shop")
	}
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return bucket, prefix, nil
}
