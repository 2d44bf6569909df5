//! The trees by themselves; `tests/golden/generate_rrcf.py` writes the expected displacements.

use serde_json::Value;

use super::tree::{Branch, Id, Link, NONE, Tree};
use crate::random::Random;

#[test]
fn a_tree_stays_consistent_as_points_come_and_go() {
    let (capacity, dimensions) = (64, 3);
    let mut random = Random::new(1, 0);
    let mut tree = Tree::new(capacity, dimensions);
    let mut held: Vec<Id> = Vec::new();
    for step in 0..10_000 {
        let fill = if step / 1000 % 2 == 0 { 0.7 } else { 0.3 };
        if held.len() < capacity && (held.is_empty() || random.unit() < fill) {
            // Few values, so that there are ties and copies.
            let point = [0, 1, 2].map(|i| random.below(4 + 40 * i) as f64 * 0.1);
            let leaf = tree.insert(&point, &mut random);
            assert_ne!(leaf, NONE);
            assert_eq!(tree.bounds(leaf).0, point);
            held.push(leaf);
        } else {
            let leaf = held.swap_remove(random.below(held.len()));
            tree.remove(leaf);
        }
        assert_eq!(tree.link(tree.root).mass as usize, held.len());
        assert!(tree.is_consistent(capacity, dimensions), "step {step}");
    }
}

/// A tree as rrcf exports it. It is not checked for consistency: rrcf cuts two leaves apart at the
/// larger of their first coordinates, so that a point may lie on the wrong side of its own cut, which
/// changes no displacement.
fn import(case: &Value) -> Tree {
    let points = case["points"].as_array().unwrap();
    let dimensions = points[0].as_array().unwrap().len();
    let mut tree = Tree::new(points.len(), dimensions);
    tree.free_leaves.clear();
    tree.free_branches.clear();
    for (leaf, point) in points.iter().enumerate() {
        for (i, x) in point.as_array().unwrap().iter().enumerate() {
            tree.points[leaf * dimensions + i] = x.as_f64().unwrap();
        }
    }
    let masses = case["masses"].as_array().unwrap();
    for (leaf, mass) in masses.iter().enumerate() {
        let mass = mass.as_u64().unwrap() as u32;
        tree.links[leaf] = Link { parent: NONE, mass };
    }
    // Branches come children first.
    for (i, branch) in case["branches"].as_array().unwrap().iter().enumerate() {
        let number = |place: usize| branch[place].as_u64().unwrap() as u32;
        let id = (points.len() + i) as Id;
        let (left, right) = (number(2), number(3));
        tree.branches[i] = Branch {
            feature: number(0),
            at: branch[1].as_f64().unwrap(),
            left,
            right,
        };
        let mass = tree.link(left).mass + tree.link(right).mass;
        tree.links[id as usize] = Link { parent: NONE, mass };
        tree.links[left as usize].parent = id;
        tree.links[right as usize].parent = id;
        for feature in 0..dimensions {
            let side = |id: Id| (tree.bounds(id).0[feature], tree.bounds(id).1[feature]);
            let (l, r) = (side(left), side(right));
            tree.boxes[2 * i * dimensions + feature] = l.0.min(r.0);
            tree.boxes[(2 * i + 1) * dimensions + feature] = l.1.max(r.1);
        }
        tree.root = id;
    }
    tree
}

#[test]
fn displacements_equal_rrcf_on_the_same_trees() {
    let text = include_str!("../../tests/golden/rrcf.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    for (name, case) in golden.as_object().unwrap() {
        let tree = import(case);
        for (leaf, expected) in case["codisp"].as_array().unwrap().iter().enumerate() {
            let ours = tree.displacement(leaf as Id);
            let theirs = expected.as_f64().unwrap();
            assert!((ours - theirs).abs() <= 1e-12 * theirs, "{name} {leaf}");
        }
        // The mean of many insertions by rrcf, with its standard error.
        for new in case["new"].as_array().unwrap() {
            let point = new["point"].as_array().unwrap().iter();
            let point: Vec<f64> = point.map(|x| x.as_f64().unwrap()).collect();
            let mut parts = 0.0;
            let ours = tree.expected_displacement(&point, |_, part| parts += part);
            let [mean, error] = ["mean", "error"].map(|key| new[key].as_f64().unwrap());
            let bound = 4.5 * error + 1e-9;
            assert!(
                (ours - mean).abs() <= bound,
                "{name}: {ours}, not {mean} +- {error}"
            );
            assert!((parts - ours).abs() <= 1e-9 * ours);
        }
    }
}

#[test]
fn the_expected_displacement_is_the_mean_over_insertions() {
    let mut random = Random::new(5, 0);
    let mut tree = Tree::new(40, 2);
    for _ in 0..39 {
        let point = [random.unit(), 3.0 * random.unit()];
        tree.insert(&point, &mut random);
    }
    for point in [[0.5, 1.5], [0.5, 4.0], [-1.0, 9.0]] {
        let expected = tree.expected_displacement(&point, |_, _| {});
        let n = 20_000;
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..n {
            let leaf = tree.insert(&point, &mut random);
            let displacement = tree.displacement(leaf);
            sum += displacement;
            squares += displacement * displacement;
            tree.remove(leaf);
        }
        let mean = sum / f64::from(n);
        let error = ((squares / f64::from(n) - mean * mean) / f64::from(n)).sqrt();
        assert!(
            (mean - expected).abs() <= 4.5 * error + 1e-9,
            "{mean} {expected} {error}"
        );
    }
}
