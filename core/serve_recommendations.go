package core

import (
	"context"
	"regexp"

	"meridian/api"
)

// Patterns of what a table is called, and where its file is.
var (
	tableVersion = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$`)
	tableFile    = regexp.MustCompile(`^recommendations/[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)
)

func (s *Service) recommendationsGet(*call, api.None) (api.RecommendationTable, error) {
	kept, _ := s.m.tables.Get(tablesKey)
	return kept.newest().view(nil), nil
}

// recommendationsPublish needs no idempotency key: the version is one.
func (s *Service) recommendationsPublish(ctx context.Context, _ *call, req api.PublishTable) (reply, error) {
	var f fields
	if !tableVersion.MatchString(req.Version) {
		f.add("version", "A version is letters, digits, dots, colons, dashes and underscores, at most 64.")
	}
	if req.After != "" && !tableVersion.MatchString(req.After) {
		f.add("after", "Name the version before, or nothing where there is none.")
	}
	if !tableFile.MatchString(req.Key) {
		f.add("key", "A key is recommendations/ and a name.")
	}
	if !handlePattern.MatchString(req.Edge) {
		f.add("edge", handleRule)
	}
	if req.Items < 1 || req.Pairs < req.Items/2 {
		f.add("items", "A table without products is none.")
	}
	if len(f) > 0 {
		return reply{}, api.InvalidFields(f)
	}
	return s.propose(ctx, cmdPublishTable, keying{}, publishTableCmd{Version: req.Version, Key: req.Key, Items: req.Items, Pairs: req.Pairs, Edge: req.Edge, After: req.After})
}
