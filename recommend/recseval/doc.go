// Package recseval measures recommendations on recorded sessions: each view from the second on is predicted from those before it.
package recseval
