//! The eight ways in which a picture can be mirrored and turned.

/// How a picture is changed: first its rows become columns, then it is mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Orientation {
    /// Rows become columns.
    pub transposed: bool,
    /// The last row comes first.
    pub flipped: bool,
    /// The last column comes first.
    pub mirrored: bool,
}

impl Orientation {
    /// All of them, as it is first.
    pub(crate) const ALL: [Orientation; 8] = {
        let mut all = [Orientation { transposed: false, flipped: false, mirrored: false }; 8];
        let mut at = 0;
        while at < 8 {
            all[at] = Orientation { transposed: at & 4 != 0, flipped: at & 2 != 0, mirrored: at & 1 != 0 };
            at += 1;
        }
        all
    };

    /// What somebody would call it.
    pub(crate) fn name(self) -> &'static str {
        match (self.transposed, self.flipped, self.mirrored) {
            (false, false, false) => "upright",
            (false, false, true) => "mirrored",
            (false, true, false) => "mirrored and turned 180",
            (false, true, true) => "turned 180",
            (true, false, true) => "turned 90",
            (true, true, false) => "turned 270",
            (true, false, false) => "mirrored and turned 270",
            (true, true, true) => "mirrored and turned 90",
        }
    }

    /// What undoes it.
    pub(crate) fn inverse(self) -> Orientation {
        match self.transposed {
            true => Orientation { flipped: self.mirrored, mirrored: self.flipped, ..self },
            false => self,
        }
    }

    /// Where in a square of this side the pixel comes from that stands at a place.
    pub(super) fn source(self, side: usize, (row, column): (usize, usize)) -> (usize, usize) {
        let row = if self.flipped { side - 1 - row } else { row };
        let column = if self.mirrored { side - 1 - column } else { column };
        if self.transposed { (column, row) } else { (row, column) }
    }
}
