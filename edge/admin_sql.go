package edge

import (
	"context"
	"fmt"
	"time"

	"meridian/analytics"
	"meridian/api"
	"meridian/web"
)

// sqlRows is how many rows of an answer the page shows; its file has up to analytics.AskRows.
const sqlRows = 500

// sqlBodyMax holds the longest query as a form sends it, three bytes for one.
const sqlBodyMax = 32 << 10

// sqlPage is where merchandisers ask in SQL.
func (s *Shop) sqlPage(ctx context.Context, r *Request) (*Answer, error) {
	return s.answerSQL(ctx, r, "", false)
}

func (s *Shop) runSQL(ctx context.Context, r *Request) (*Answer, error) {
	return s.answerSQL(ctx, r, first(r.Form, "sql"), first(r.Form, "format") == "csv")
}

// answerSQL shows the form, what was asked before, and the answer to a query unless that is empty; or gives its file.
func (s *Shop) answerSQL(ctx context.Context, r *Request, query string, file bool) (*Answer, error) {
	t := s.staff(r)
	who, elsewhere, err := s.atDesk(ctx, t, roleMerchandiser)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	v := web.SQL{Who: who.Email, Role: who.Role, Query: web.Field{Value: query}, Layout: deskLayout(r, "SQL", who)}
	status := 200
	switch {
	case s.cfg.Reports == nil:
		v.Note = "Reports are switched off here: this edge runs without ClickHouse."
	case r.Method == "POST":
		rows := sqlRows
		if file {
			rows = analytics.AskRows
		}
		began := time.Now()
		table, cut, err := s.cfg.Reports.Ask(ctx, who.Email, query, rows)
		switch {
		case err != nil && api.CodeOf(err) == api.CodeInvalid:
			status, v.Query.Error = 422, fieldError(api.AsError(err), "sql")
		case err != nil:
			s.cfg.Log.Warn("query not run", "err", err, "request_id", r.Call.RequestID)
			status, v.Note = 503, "ClickHouse does not answer right now. Your query is kept here; try again in a minute."
		case file:
			return replyCSV(t.answer(), "query", &table)
		default:
			answer := tableView("Answer", &table, sqlRows)
			answer.Empty = "Nothing matches."
			v.Answer, v.Took = &answer, fmt.Sprintf("%s in %.2f s", rowsWords(len(table.Rows), cut), time.Since(began).Seconds())
		}
	}
	if s.cfg.Reports != nil {
		asked, err := s.cfg.Reports.Asked(ctx, who.Email)
		if err != nil && v.Note == "" {
			v.Note = "What you asked before cannot be read right now."
		}
		for _, q := range asked {
			about := fmt.Sprintf("%s UTC, %s in %.2f s", q.At.UTC().Format("2 Jan 15:04"), rowsWords(q.Rows, false), q.Took.Seconds())
			if q.Error != "" {
				about = q.At.UTC().Format("2 Jan 15:04") + " UTC, refused"
			}
			v.Asked = append(v.Asked, web.AskedQuery{Query: q.Query, About: about})
		}
	}
	return page(t.answer(), status, v)
}

func rowsWords(n int, cut bool) string {
	switch {
	case cut:
		return "The first " + thousands(uint64(n)) + " rows"
	case n == 1:
		return "1 row"
	}
	return thousands(uint64(n)) + " rows"
}

// fieldError is what an error says of a field, or of the whole.
func fieldError(e *api.Error, field string) string {
	for _, f := range e.Errors {
		if f.Field == field {
			return f.Message
		}
	}
	return e.Title
}
