SELECT DISTINCT i_product_name
FROM item i1
WHERE i_manufact_id BETWEEN 2 AND 9
  AND (SELECT count(*) AS item_cnt
       FROM item
       WHERE (i_manufact = i1.i_manufact
              AND ((i_category = 'Women' AND (i_color = 'powder' OR i_color = 'khaki') AND (i_units = 'Ounce' OR i_units = 'Oz') AND (i_size = 'medium' OR i_size = 'extra large'))
                OR (i_category = 'Women' AND (i_color = 'slate' OR i_color = 'plum' OR i_color = 'pale') AND (i_units = 'Bunch' OR i_units = 'Ton') AND (i_size = 'N/A' OR i_size = 'small'))
                OR (i_category = 'Men' AND (i_color = 'navy' OR i_color = 'dim' OR i_color = 'smoke') AND (i_units = 'Pound' OR i_units = 'Each') AND (i_size = 'N/A' OR i_size = 'petite' OR i_size = 'large'))))
          OR (i_manufact = i1.i_manufact
              AND ((i_category = 'Men' AND (i_color = 'peru' OR i_color = 'orchid' OR i_color = 'blanched')) OR (i_category = 'Shoes' AND i_units = 'Each')))) > 0
ORDER BY i_product_name
LIMIT 100
