package analytics

import (
	"fmt"
	"strings"
)

// Statements of the schema are written for one server. On a cluster they are changed here: a name gets ON CLUSTER, a MergeTree engine
// becomes its Replicated form, tables that a view reads get their database, and settings get their names. Nothing else of a statement is touched.

// windowSeconds is for how long a replicated table remembers tokens, at most: as on one server, their number decides.
const windowSeconds = 7 * 24 * 60 * 60

// onCluster makes a statement that changes tables one for all hosts of a cluster. Statements that are for one host stay as they are: INSERT,
// and ALTER and DELETE, which a replicated table passes on itself; if every host were told, they would hinder each other
// (CANNOT_ASSIGN_ALTER). Settings of a table it does not pass on. Statements that are not known are refused.
func onCluster(cluster, database, statement string) (string, error) {
	words, err := lexSQL(statement)
	if err != nil {
		return "", fmt.Errorf("on a cluster: %w", err)
	}
	p := &ddl{words: words}
	if err := p.read(); err != nil {
		return "", fmt.Errorf("on a cluster: %w in: %s", err, firstLine(statement))
	}
	if p.name == "" {
		return statement, nil
	}
	path := "'/clickhouse/tables/" + cluster + "/" + database + "/" + p.name + "', '{replica}'"
	var b strings.Builder
	done := 0
	change := func(at, until int, text string) {
		b.WriteString(statement[done:at])
		b.WriteString(text)
		done = until
	}
	change(p.nameEnd, p.nameEnd, " ON CLUSTER `"+cluster+"`")
	for i := p.next; i < len(words); i++ {
		w := words[i]
		if p.makesView && (w.is("FROM") || w.is("JOIN") || w.is("TO") && i == p.next) {
			// Other hosts would look for a table without its database in their own default one.
			if table := p.at(i + 1); table.named() && p.at(i+2).text != "." && p.at(i+2).text != "(" {
				change(table.start, table.start, "`"+database+"`.")
			}
		}
		if w.depth > 0 {
			continue
		}
		switch {
		case p.makesView && w.is("WITH"):
			return "", fmt.Errorf("on a cluster: names of WITH cannot be told from tables: %s", firstLine(statement))
		case p.makesTable && w.is("AS"):
			return "", fmt.Errorf("on a cluster: every host would run the query of its own: make the table and fill it with INSERT: %s", firstLine(statement))
		case p.makesTable && w.is("ENGINE"):
			engine := p.at(i + 1)
			if engine.text == "=" {
				engine = p.at(i + 2)
			}
			if !strings.HasSuffix(engine.text, "MergeTree") || strings.HasPrefix(engine.text, "Replicated") {
				continue
			}
			change(engine.start, engine.start, "Replicated")
			if bracket := p.after(engine); bracket.text == "(" {
				if p.after(bracket).text != ")" {
					path += ", "
				}
				change(bracket.end, bracket.end, path)
			} else {
				change(engine.end, engine.end, "("+path+")")
			}
		case w.is("non_replicated_deduplication_window"):
			change(w.start, w.end, fmt.Sprintf("replicated_deduplication_window_seconds = %d, replicated_deduplication_window", windowSeconds))
		}
	}
	if p.dropsTable {
		// The path in Keeper is free when DROP has answered, and not minutes later.
		change(len(statement), len(statement), " SYNC")
	}
	b.WriteString(statement[done:])
	return b.String(), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// ddl is what onCluster must know of a statement.
type ddl struct {
	words []sqlWord
	next  int
	// name is what is made or changed, without its database, and nameEnd where it ends; empty for statements that are for one host.
	name       string
	nameEnd    int
	makesTable bool
	makesView  bool
	dropsTable bool
}

func (p *ddl) at(i int) sqlWord {
	if i < len(p.words) {
		return p.words[i]
	}
	return sqlWord{}
}

// after is the word behind w.
func (p *ddl) after(w sqlWord) sqlWord {
	for _, x := range p.words {
		if x.start >= w.end {
			return x
		}
	}
	return sqlWord{}
}

// take goes past these words if they come next.
func (p *ddl) take(words ...string) bool {
	for i, w := range words {
		if !p.at(p.next + i).is(w) {
			return false
		}
	}
	p.next += len(words)
	return true
}

func (p *ddl) read() error {
	switch {
	case p.take("INSERT"), p.take("SELECT"), p.take("WITH"), p.take("DELETE", "FROM"), p.take("TRUNCATE", "TABLE"), p.take("OPTIMIZE", "TABLE"):
		return nil
	case p.take("CREATE"):
		p.take("OR", "REPLACE")
		switch {
		case p.take("TABLE"):
			p.makesTable = true
		case p.take("VIEW"), p.take("MATERIALIZED", "VIEW"):
			p.makesView = true
		case p.take("DATABASE"):
		default:
			return fmt.Errorf("CREATE %s is not known", p.at(p.next).text)
		}
		p.take("IF", "NOT", "EXISTS")
	case p.take("DROP"):
		switch {
		case p.take("TABLE"):
			p.dropsTable = true
		case p.take("VIEW"):
		default:
			return fmt.Errorf("DROP %s is not known", p.at(p.next).text)
		}
		p.take("IF", "EXISTS")
	case p.take("ALTER", "TABLE"):
		if action := p.at(p.next + 1); !(action.is("MODIFY") || action.is("RESET")) || !p.at(p.next+2).is("SETTING") {
			return nil
		}
	default:
		return fmt.Errorf("a statement that begins with %q is not known", p.at(p.next).text)
	}
	name := p.at(p.next)
	if !name.named() {
		return fmt.Errorf("a name is missing")
	}
	if p.at(p.next+1).text == "." {
		return fmt.Errorf("a name with a database is not known")
	}
	p.next++
	if p.take("ON") {
		return fmt.Errorf("ON is there already")
	}
	p.name, p.nameEnd = strings.Trim(name.text, "`\""), name.end
	if !databaseName.MatchString(p.name) {
		return fmt.Errorf("the name %s is not plain", name.text)
	}
	return nil
}
