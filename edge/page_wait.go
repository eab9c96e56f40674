package edge

import (
	"context"
	"strconv"

	"meridian/api"
	"meridian/web"
)

// join gives a shopper a place and takes them to the page on which they wait.
func (s *Shop) join(ctx context.Context, t *trip, room *api.Room) (*Answer, error) {
	a := t.answer()
	if err := s.takePlace(ctx, t.r, a, room); err != nil && api.CodeOf(err) != api.CodeOutOfStock {
		return nil, err
	}
	if room.Product == "" {
		return redirect(a, "/wait/"+room.ID)
	}
	return redirect(a, "/wait/"+room.ID+"?for="+room.Product) // for when the room is closed and nobody knows
}

// joinForm is the button of the page on which one waits.
func (s *Shop) joinForm(ctx context.Context, r *Request) (*Answer, error) {
	room, err := s.room(ctx, r)
	if err != nil {
		return s.waitPage(ctx, r)
	}
	return s.join(ctx, s.private(r), room)
}

// waitPage says where in the line somebody is. Once this edge has seen the room it asks the core for nothing, so a hundred thousand people may
// look again every few seconds.
func (s *Shop) waitPage(ctx context.Context, r *Request) (*Answer, error) {
	a := s.private(r).answer()
	room, err := s.room(ctx, r)
	if err != nil {
		a.jar(r).Flash = "info:Nobody has to wait any more."
		if at := r.Query["for"]; len(at) == 1 && validHandle(at[0]) {
			return redirect(a, "/products/"+at[0])
		}
		return redirect(a, "/")
	}
	q := s.queue(r, room)
	v := web.Waiting{Room: room.ID, Back: "/"}
	if room.Product != "" {
		v.Back = "/products/" + room.Product
	}
	switch {
	case q.SoldOut:
		v.Heading, v.Text = "Sold out", "Everything has been sold, and nobody is paying any more: nothing can come back. You have not been charged."
		v.Ways = []web.Link{{Label: "Look around in the shop", Href: "/"}}
	case q.Turn:
		a.jar(r).Flash = "good:It is your turn. You have " + minutes(room.TurnSeconds) + " to buy."
		if room.Product == "" {
			return redirect(a, "/cart")
		}
		return redirect(a, v.Back)
	case q.Ticket == nil:
		v.Heading, v.Text, v.Join = "Shoppers take turns here", "More people want this than can buy at once. Take a place in the line: it is yours, also on another page or after a moment offline.", true
		v.Ahead = thousands(q.Ahead)
	default:
		v.Heading, v.Ahead, v.Refresh = "You are in line", thousands(q.Ahead), q.AskAgain
		if q.Ahead == 0 {
			v.Heading = "You are next"
		}
		about := "About " + minutes(q.WaitSeconds)
		if q.WaitSeconds < aMinute {
			about = "Less than a minute"
		}
		v.Text = about + " at the present pace. This page looks again by itself and takes you on when it is your turn; your place is kept if you close it."
		if room.Product != "" && room.Available <= 0 {
			v.Text += " What is left is being paid for by others right now. What they do not pay for comes back."
		}
	}
	return page(a, 200, v)
}

// aMinute is when waiting begins to be told in minutes, in seconds.
const aMinute = 50

// minutes is a time in words that does not pretend to be exact.
func minutes(seconds int64) string {
	switch {
	case seconds < aMinute:
		return "less than a minute"
	case seconds < 90:
		return "a minute"
	case seconds < 100*60:
		return number((seconds+30)/60) + " minutes"
	}
	return number((seconds+1800)/3600) + " hours"
}

// thousands is a number as people read it: 12,345.
func thousands(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
