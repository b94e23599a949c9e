// SPDX-License-Identifier: Apache-2.0
//! Where the elements of a tensor lie in a map: reshapes, transposes, splits and copies move nothing until something has to be made.

/// What a dimension, or part of one, counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    /// Tokens, the rows of a map.
    Token,
    /// Channels of a map; of scores: heads.
    Channel,
    /// Tokens as keys, of scores.
    Key,
    /// Copies of the same.
    Copy,
}

/// `size` steps of `step` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    /// What it counts.
    pub of: Of,
    /// How many.
    pub size: usize,
    /// How far apart.
    pub step: usize,
}

/// A dimension: factors, the outermost first; none: a dimension of 1.
pub type Axis = Vec<Factor>;

/// A tensor as elements of a row-wise value.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Which value.
    pub row: usize,
    /// The channel of its first element.
    pub base: usize,
    /// Dimensions, outermost first.
    pub axes: Vec<Axis>,
}

/// Elements of a dimension.
pub fn size(axis: &Axis) -> usize {
    axis.iter().map(|f| f.size).product()
}

/// A dimension in the fewest factors.
fn normal(axis: &[Factor]) -> Axis {
    let mut made: Axis = vec![];
    for &f in axis.iter().filter(|f| f.size > 1) {
        match made.last_mut() {
            Some(l) if l.of == f.of && (f.of == Of::Copy || l.step == f.step * f.size) => {
                *l = Factor { of: f.of, size: l.size * f.size, step: f.step };
            }
            _ => made.push(f),
        }
    }
    made
}

impl View {
    /// Of tokens in dimensions `front`, and `width` channels in the last.
    pub fn whole(row: usize, front: &[usize], width: usize) -> View {
        let mut step = front.iter().product::<usize>();
        let tokens = front.iter().map(|&size| {
            step /= size.max(1);
            normal(&[Factor { of: Of::Token, size, step }])
        });
        let mut axes: Vec<Axis> = tokens.collect();
        axes.push(normal(&[Factor { of: Of::Channel, size: width, step: 1 }]));
        View { row, base: 0, axes }
    }

    /// Dimensions.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(size).collect()
    }

    /// In another shape of as many elements; `None` where a dimension would hold part of another that does not divide.
    pub fn reshaped(&self, shape: &[usize]) -> Option<View> {
        let mut rest: Vec<Factor> = self.axes.iter().flatten().copied().collect();
        rest.reverse();
        let mut axes = vec![];
        for &n in shape {
            let (mut need, mut axis) = (n, vec![]);
            while need > 1 {
                let f = rest.pop().filter(|f| f.size > 0)?;
                if need % f.size == 0 {
                    need /= f.size;
                    axis.push(f);
                } else if f.size % need == 0 {
                    let inner = f.size / need;
                    axis.push(Factor { size: need, step: f.step * inner, ..f });
                    rest.push(Factor { size: inner, ..f });
                    need = 1;
                } else {
                    return None;
                }
            }
            axes.push(normal(&axis));
        }
        rest.is_empty().then_some(View { axes, ..self.clone() })
    }

    /// Its dimensions in another order.
    pub fn permuted(&self, order: &[usize]) -> View {
        View { axes: order.iter().map(|&d| self.axes[d].clone()).collect(), ..self.clone() }
    }

    /// Places `from` to `from + count` of a dimension; `None` where they are no range of channels.
    pub fn part(&self, axis: usize, from: usize, count: usize) -> Option<View> {
        let mut view = self.clone();
        if count == 0 {
            return None;
        }
        if from == 0 && count == size(&self.axes[axis]) {
            return Some(view);
        }
        let &[f] = self.axes[axis].as_slice() else { return None };
        if f.of != Of::Channel && f.of != Of::Copy {
            return None;
        }
        view.base += if f.of == Of::Channel { from * f.step } else { 0 };
        view.axes[axis] = normal(&[Factor { size: count, ..f }]);
        Some(view)
    }

    /// Without a dimension of 1.
    pub fn without(mut self, axis: usize) -> View {
        self.axes.remove(axis);
        self
    }

    /// With dimensions of 1 in front, up to `rank`.
    pub fn padded(&self, rank: usize) -> View {
        let front = vec![vec![]; rank.saturating_sub(self.axes.len())];
        View { axes: [front, self.axes.clone()].concat(), ..self.clone() }
    }

    /// Copies of dimensions of 1, to a shape of the same rank.
    pub fn copied(&self, shape: &[usize]) -> Option<View> {
        let mut view = self.padded(shape.len());
        for (axis, &n) in view.axes.iter_mut().zip(shape) {
            match (size(axis), n) {
                (a, b) if a == b => {}
                (1, b) => *axis = vec![Factor { of: Of::Copy, size: b, step: 0 }],
                _ => return None,
            }
        }
        Some(view)
    }

    /// Whether a dimension is all of one kind, with steps of `step`.
    pub fn is(&self, axis: usize, of: Of, size: usize, step: usize) -> bool {
        self.axes[axis] == normal(&[Factor { of, size, step }])
    }

    /// Offsets among channels of a dimension's places; `None` where it counts something else than channels and copies.
    pub fn offsets(&self, axis: usize) -> Option<Vec<usize>> {
        let mut made = vec![0];
        for f in &self.axes[axis] {
            if f.of != Of::Channel && f.of != Of::Copy {
                return None;
            }
            made = made.iter().flat_map(|at| (0..f.size).map(move |i| at + i * f.step)).collect();
        }
        Some(made)
    }

    /// Channels in the order of its dimensions, and the view that has them so, of a row that is all of them; `None`: copies are among
    /// them.
    pub fn channels(&self) -> Option<(Vec<usize>, View)> {
        let mut list = vec![self.base];
        let mut view = self.clone();
        view.base = 0;
        if self.axes.iter().flatten().any(|f| f.of == Of::Copy) {
            return None;
        }
        for f in self.axes.iter().flatten().filter(|f| f.of == Of::Channel) {
            list = list.iter().flat_map(|at| (0..f.size).map(move |i| at + i * f.step)).collect();
        }
        let mut step = list.len();
        for f in view.axes.iter_mut().flatten().filter(|f| f.of == Of::Channel) {
            step /= f.size;
            f.step = step;
        }
        view.axes.iter_mut().for_each(|a| *a = normal(a));
        Some((list, view))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_split_moved_and_joined_without_moving_anything() {
        let x = View::whole(0, &[1, 5], 12);
        let heads = x.reshaped(&[1, 5, 3, 4]).unwrap().permuted(&[0, 2, 1, 3]);
        assert_eq!(heads.shape(), [1, 3, 5, 4]);
        assert_eq!(heads.reshaped(&[3, 5, 4]).unwrap().offsets(0).unwrap(), [0, 4, 8]);
        assert_eq!(heads.permuted(&[0, 2, 1, 3]).reshaped(&[1, 5, 12]).unwrap(), x);
        assert_eq!(heads.reshaped(&[1, 15, 4]).unwrap().reshaped(&[1, 3, 5, 4]).unwrap(), heads);
        assert!(x.reshaped(&[1, 5, 5, 2]).is_none());
    }

    #[test]
    fn parts_and_copies_are_channels_of_the_same_row() {
        let x = View::whole(0, &[1, 2], 12);
        let qkv = x.reshaped(&[1, 2, 3, 4]).unwrap();
        let k = qkv.part(2, 1, 1).unwrap().without(2);
        assert_eq!(k.channels().unwrap().0, [4, 5, 6, 7]);
        let groups = x.reshaped(&[1, 2, 3, 1, 4]).unwrap().copied(&[1, 2, 3, 2, 4]).unwrap().reshaped(&[1, 2, 6, 4]).unwrap();
        assert_eq!(groups.offsets(2).unwrap(), [0, 0, 4, 4, 8, 8]);
        assert!(x.part(1, 0, 1).is_none());
        let turned = x.reshaped(&[1, 2, 3, 4]).unwrap().permuted(&[0, 1, 3, 2]);
        assert_eq!(turned.channels().unwrap().0[..4], [0, 4, 8, 1]);
    }
}
