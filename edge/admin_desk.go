package edge

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"meridian/api"
	"meridian/web"
)

// deskOrders is how many orders the desk shows.
const deskOrders = 20

func (s *Shop) deskRoutes() []Route {
	form := func(pattern string, l LimitClass, h Handler) Route {
		return Route{Method: "POST", Pattern: pattern, Class: Private, MaxBody: formBodyMax, Types: formTypes, Limit: l, Handler: h}
	}
	return []Route{
		{Method: "GET", Pattern: "/admin/", Class: Private, Timeout: payTimeout, Limit: CountAdmin, Handler: s.desk},
		{Method: "GET", Pattern: "/admin/analytics", Class: Private, Query: []string{"compare", "device", "first", "grain", "last", "region"}, Timeout: payTimeout, Limit: CountAdmin, Handler: s.analyticsPage},
		{Method: "GET", Pattern: "/admin/analytics/sql", Class: Private, Timeout: payTimeout, Limit: CountAdmin, Handler: s.sqlPage},
		{Method: "POST", Pattern: "/admin/analytics/sql", Class: Private, MaxBody: sqlBodyMax, Types: formTypes, Timeout: payTimeout, Limit: CountAdmin, Handler: s.runSQL},
		{Method: "GET", Pattern: "/admin/operations", Class: Private, Timeout: payTimeout, Limit: CountAdmin, Handler: s.operationsPage},
		{Method: "GET", Pattern: "/admin/sign-in", Class: Private, Query: []string{"next"}, Limit: CountAdmin, Handler: s.staffSignInPage},
		form("/admin/sign-in", CountSignIn, s.staffSignIn),
		form("/admin/sign-out", CountAdmin, s.staffSignOut),
	}
}

func (s *Shop) staffSignInPage(ctx context.Context, r *Request) (*Answer, error) {
	return s.showSignIn(ctx, s.staff(r), web.SignIn{Staff: true, Next: localPath(first(r.Query, "next"), "/admin/")}, nil)
}

func (s *Shop) staffSignIn(ctx context.Context, r *Request) (*Answer, error) {
	v, password := typed(r)
	v.Staff, v.Next = true, localPath(first(r.Form, "next"), "/admin/")
	t := s.staff(r)
	t.call.Credential = ""
	who, err := ask(ctx, t, api.StaffSession, api.StaffSignIn{Email: v.Email.Value, Password: password})
	if err != nil {
		e := api.AsError(err)
		if e.Status >= 500 {
			return nil, e
		}
		return s.showSignIn(ctx, t, v, e)
	}
	a := t.answer()
	a.jar(r).Staff = who.Token
	if who.Role == roleOperator && v.Next == "/admin/" {
		v.Next = "/admin/operations"
	}
	return redirect(a, v.Next)
}

func (s *Shop) staffSignOut(_ context.Context, r *Request) (*Answer, error) {
	a := &Answer{}
	a.jar(r).Staff = ""
	return redirect(a, "/admin/sign-in")
}

// atDesk finds out who is at the desk. Without a valid credential the answer leads to the sign-in.
func (s *Shop) atDesk(ctx context.Context, t *trip, role string) (api.StaffIdentity, *Answer, error) {
	who, err := s.require(ctx, t, role)
	if api.CodeOf(err) == api.CodeUnauthorized {
		a := t.answer()
		a.jar(t.r).Staff = ""
		a, err = redirect(a, "/admin/sign-in?next="+t.r.Path)
		return who, a, err
	}
	return who, nil, err
}

func (s *Shop) desk(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	who, elsewhere, err := s.atDesk(ctx, t, "")
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	if who.Role == roleOperator {
		return redirect(t.answer(), "/admin/operations")
	}
	v := web.Desk{Who: who.Email, Role: who.Role}
	orders, err := ask(ctx, t, api.OrdersList, api.OrdersQuery{Page: api.Page{Limit: deskOrders}})
	if err != nil {
		return nil, err
	}
	for i := range orders.Items {
		o := &orders.Items[i].Order
		v.Orders = append(v.Orders, orderRow(o, "/admin/api/v1/orders/"+o.ID))
	}
	locations, err := ask(ctx, t, api.LocationsList, api.None{})
	if err != nil {
		return nil, err
	}
	rooms, err := ask(ctx, t, api.RoomsList, api.None{})
	if err != nil {
		return nil, err
	}
	v.Reports = append(roomTable(rooms.Items), locationTable(locations)...)
	a := t.answer()
	v.Layout = deskLayout(r, "Desk", who)
	return page(a, 200, v)
}

// tableView shows the first rows of a report, which may be none.
func tableView(title string, t *ReportTable, rows int) web.Table {
	v := web.Table{Title: title, Empty: "Nothing in this period."}
	currency := slices.IndexFunc(t.Columns, func(c ReportColumn) bool { return c.Name == "currency" })
	for i, c := range t.Columns {
		if i == currency {
			continue
		}
		label := titled(strings.ReplaceAll(c.Name, "_", "-"))
		if c.Unit == "percent" {
			label += ", %"
		}
		v.Columns = append(v.Columns, label)
	}
	for _, cells := range t.Rows[:min(len(t.Rows), rows)] {
		of := ""
		if currency >= 0 && currency < len(cells) {
			of, _ = cells[currency].(string)
		}
		var row []string
		for i, cell := range cells[:min(len(cells), len(t.Columns))] {
			if i != currency {
				row = append(row, cellText(cell, t.Columns[i], of))
			}
		}
		v.Rows = append(v.Rows, row)
	}
	return v
}

// cellText is a cell for a page: amounts in the row's currency, fractions with two digits, times to the minute.
func cellText(cell any, c ReportColumn, currency string) string {
	switch v := cell.(type) {
	case int64:
		if c.Unit == "minor" && currency != "" {
			return money(api.Money{Amount: v, Currency: currency})
		}
	case float64:
		if c.Unit == "minor" && currency != "" {
			return money(api.Money{Amount: int64(math.Round(v)), Currency: currency})
		}
		return strconv.FormatFloat(v, 'f', 2, 64)
	case string:
		if t, err := time.Parse(time.RFC3339, v); err == nil && c.Type == "time" {
			return strings.TrimSuffix(t.UTC().Format("2006-01-02 15:04"), " 00:00") // days and weeks begin at midnight
		}
		return v
	}
	return plainCell(cell)
}

func (s *Shop) operationsPage(ctx context.Context, r *Request) (*Answer, error) {
	t := s.staff(r)
	who, elsewhere, err := s.atDesk(ctx, t, roleOperator)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	c, err := seeCluster(ctx, t)
	if err != nil {
		return nil, err
	}
	members := web.Table{Title: "Cores", Columns: []string{"Id", "Region", "Role", "Address", "Applied index", "Behind (ms)", "Healthy"}}
	for _, m := range c.Members {
		id := m.ID
		if id == c.Leader {
			id += " (leads)"
		}
		members.Rows = append(members.Rows, []string{id, m.Region, m.Role, m.Address, strconv.FormatUint(m.AppliedIndex, 10), number(m.LagMS), yesNo(m.Healthy)})
	}
	if c.Voters > 0 {
		members.Title = fmt.Sprintf("Cores: %d of %d voters answer, %d are needed", c.LiveVoters, c.Voters, c.Quorum)
	}
	if c.SeenBy != "" {
		members.Title = fmt.Sprintf("Cores, as %s sees them, since no leader answers: %d of %d voters answer it, %d are needed", c.SeenBy, c.LiveVoters, c.Voters, c.Quorum)
	}
	edges := web.Table{Title: "Live edges", Columns: []string{"Id", "Region", "Has applied"}, Empty: "No edge holds a lease."}
	for _, e := range c.Edges {
		edges.Rows = append(edges.Rows, []string{e.ID, e.Region, e.Cursor.String()})
	}
	v := web.Desk{Who: who.Email, Role: who.Role, Reports: []web.Table{members, edges},
		Note: "Term " + strconv.FormatUint(c.Term, 10) + ", commit index " + strconv.FormatUint(c.CommitIndex, 10) + ", timeline " + strconv.FormatUint(uint64(c.Timeline), 10) + "."}
	a := t.answer()
	v.Layout = deskLayout(r, "Operations", who)
	return page(a, 200, v)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// deskLayout is the frame of a staff page: its header leads between the desks of the role.
func deskLayout(r *Request, title string, who api.StaffIdentity) web.Layout {
	l := web.Layout{Title: title, Lang: "en", NoIndex: true, SignedIn: true}
	if who.Role == roleOperator {
		l.Nav = []web.Link{{Label: "Operations", Href: "/admin/operations", Current: r.Path == "/admin/operations"}}
	} else {
		l.Nav = []web.Link{{Label: "Orders", Href: "/admin/", Current: r.Path == "/admin/"}, {Label: "Analytics", Href: "/admin/analytics", Current: r.Path == "/admin/analytics"},
			{Label: "SQL", Href: "/admin/analytics/sql", Current: r.Path == "/admin/analytics/sql"}}
	}
	return l
}
