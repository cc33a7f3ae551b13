//! Demand that cannot be paid.

use super::*;

/// Each buys the same, whatever the prices.
#[derive(Debug)]
struct Fixed(Vec<f64>);

impl DemandFunction for Fixed {
    fn demand(&self, _: &[f64], _: &[f64], _: &[f64], bought: &mut [f64]) -> Result<()> {
        bought.copy_from_slice(&self.0);
        Ok(())
    }
}

#[test]
fn demand_that_cannot_be_paid() {
    let case = Case {
        stakes: vec![1.0, 1.0],
        rows: vec![vec![0.5, 0.5], vec![0.5, 0.5]],
    };
    let clear = |bought: Vec<f64>| {
        demand(Fixed(bought))
            .clear(2, &[case.part()], true)
            .map(|price| price.unwrap().prices)
    };
    // opposite bets of the same size clear at any price; of more than the stake they are refused
    assert!(clear(vec![0.1, -0.1, 0.0, 0.0]).is_ok());
    let error = clear(vec![5.0, -5.0, 0.0, 0.0]).unwrap_err().to_string();
    assert!(
        error.starts_with("trader ") && error.contains("has staked only 5e-1"),
        "{error}"
    );
    let error = clear(vec![f64::NAN, 0.0, 0.0, 0.0]).unwrap_err().to_string();
    assert!(
        error.contains("the demand function gave NaN for outcome 0, trader 0"),
        "{error}"
    );
}
