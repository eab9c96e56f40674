package edge

import (
	"context"

	"meridian/api"
)

func (s *Shop) backupOperations() []operation {
	const backups = "/admin/api/v1/backups"
	return []operation{
		{Route: Route{Method: "GET", Pattern: backups, Class: Staff, Timeout: payTimeout, Handler: s.backups},
			ID: "getBackups", Roles: []string{roleOperator}, Summary: "How the backup stands, what can be restored, and what became of the last restore", Result: api.Backups{}},
		{Route: Route{Method: "POST", Pattern: backups, Class: Staff, MaxBody: staffBodyMax, Timeout: payTimeout, Handler: s.takeBackup},
			ID: "takeBackup", Roles: []string{roleOperator}, Summary: "Begin a full backup now; GET says when it is there", Status: 202, Result: api.Backups{}},
		{Route: Route{Method: "GET", Pattern: backups + "/differences", Class: Staff, Query: []string{"after", "limit"}, Timeout: payTimeout, Handler: s.differences},
			ID: "listDifferences", Roles: []string{roleOperator}, Summary: "Charges that did not fit the orders after a restore, and what was done about them", Result: api.List[api.Difference]{}},
	}
}

func (s *Shop) backups(ctx context.Context, r *Request) (*Answer, error) {
	return askStaff(ctx, s, r, api.BackupsGet, api.None{})
}

func (s *Shop) takeBackup(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	v, err := ask(ctx, t, api.BackupsTake, api.None{})
	if err != nil {
		return t.refused(err)
	}
	return reply(t.answer(), 202, v)
}

func (s *Shop) differences(ctx context.Context, r *Request) (*Answer, error) {
	p := params{query: r.Query}
	page := p.page()
	if err := p.err(); err != nil {
		return nil, err
	}
	return askStaff(ctx, s, r, api.Differences, page)
}
