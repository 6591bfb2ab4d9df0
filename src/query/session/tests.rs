use std::sync::Mutex;

use super::*;
use crate::filter::Filter;

/// Keeps what it is told.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Progress for Heard {
    fn warn(&self, message: &str) {
        self.0.lock().expect("nobody panicked").push(message.into());
    }
}

/// What a session answers to some questions, one after the other, and what it says of them.
fn asked(session: &Session) -> (Vec<Group>, Vec<String>) {
    let (five, heard) = (Limits { top: 5, ..Limits::default() }, Heard::default());
    let water = Limits { filter: Some(Filter::parse("type1 = 'water'").expect("a condition")), ..five.clone() };
    let other = Limits { offset: 2, diverse: Some(0.5), ..five.clone() };
    let questions: [(&[&str], &Limits); 5] = [
        (&["fire dog"], &five),
        (&["id:25", "-", "electric mouse"], &five),
        (&["haunted sowrd"], &other),
        (&["dragon"], &water),
        (&["pikachoo"], &five),
    ];
    let ask = |(arguments, limits): (&[&str], &Limits)| {
        let question = Question::of(arguments).expect("a question");
        session.ask(&question, limits, &heard).expect("an answer")
    };
    let groups = questions.map(ask).into();
    (groups, heard.0.into_inner().expect("nobody panicked"))
}

#[test]
fn a_session_answers_many_threads_as_it_answers_one() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let open = || Session::pokedex(&Options::default()).expect("the built-in Pokédex");
    let (groups, said) = asked(&open());
    assert_eq!(groups[4].hits[0].label.as_deref(), Some("Pikachu"));
    assert!(groups.iter().all(|group| group.hits.len() == 5), "{groups:?}");
    assert_eq!((groups[2].first_rank, said.len()), (3, 1), "{said:?}");
    let session = open();
    is_shared(&session);
    std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| scope.spawn(|| asked(&session)));
        for thread in threads {
            assert_eq!(thread.join().expect("a thread"), (groups.clone(), said.clone()));
        }
    });
}

#[test]
fn columns_of_results_and_of_the_table_go_together() {
    let session = Session::pokedex(&Options::default()).expect("the built-in Pokédex");
    let two = Limits { top: 2, ..Limits::default() };
    let questions = [&["charmander"], &["squirtle"]].map(|arguments| Question::of(arguments).expect("a question"));
    let groups = session.ask_all(&questions, &two, &Heard::default()).expect("answers");
    let columns = session.cells(&["rank".into(), "type1".into()], None, &groups).expect("columns");
    assert_eq!((columns.names.len(), columns.table.num_columns(), columns.table.num_rows()), (2, 1, 4));
    assert_eq!(session.cells(&["score".into()], None, &groups).expect("columns").table.num_rows(), 4);
    assert!(session.cells(&["nothing".into()], None, &groups).is_err());
}
